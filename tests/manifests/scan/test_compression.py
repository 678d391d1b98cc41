"""raw, c23 and c40: told by folders, chosen by the user, suspicious where they tell the label."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_media import picture

from unmask.core.errors import UsageError
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.base import find_level
from unmask.manifests.scan.compression import find_level_conflicts, keep_level
from unmask.manifests.scan.scan import scan

OFFICIAL = (
    "original_sequences/youtube/raw/videos/000.mp4",
    "original_sequences/youtube/c23/videos/000.mp4",
    "original_sequences/actors/c40/videos/01__exit_phone_room.mp4",
    "manipulated_sequences/Deepfakes/c23/videos/000_003.mp4",
    "manipulated_sequences/Deepfakes/c40/videos/000_003.mp4",
    "manipulated_sequences/DeepFakeDetection/c0/videos/01_02__exit_phone_room__YVGY8LOK.mp4",
)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("c23", "c23"),
        ("FaceForensics++_C23", "c23"),
        ("ff-c40 (copy)", "c40"),
        ("raw", "raw"),
        ("c0", "raw"),
        ("videos", None),
        ("strawberry", None),
        ("c230", None),
        ("abc23", None),
    ],
)
def test_a_folders_name_tells_the_level_only_as_a_word(name, level):
    assert find_level(name) == level


def test_the_official_tree_tells_the_level_of_each_file(make_tree):
    rows = LAYOUTS["faceforensics"].scan(make_tree(*OFFICIAL)).rows
    assert {row.path: row.compression for row in rows} == dict(
        zip(OFFICIAL, ["raw", "c23", "c40", "c23", "c40", "raw"], strict=True)
    )


def test_the_kaggle_copy_tells_it_by_its_own_name_and_the_innermost_folder_counts(make_tree):
    root = make_tree("original/000.mp4", "c40/original/001.mp4", root="FaceForensics++_C23")
    assert [row.compression for row in LAYOUTS["faceforensics"].scan(root).rows] == ["c40", "c23"]
    plain = make_tree("original/000.mp4", root="FaceForensics++")
    assert [row.compression for row in LAYOUTS["faceforensics"].scan(plain).rows] == [None]


def test_dfd_tells_it_in_the_same_way(make_tree):
    root = make_tree("original_sequences/actors/c23/videos/01__a.mp4", root="DFD")
    assert [row.compression for row in LAYOUTS["dff"].scan(root).rows] == ["c23"]


def test_one_recording_in_two_levels_is_two_files_and_twice_in_one_level_is_a_conflict(make_tree):
    root = make_tree(
        "original_sequences/youtube/c23/videos/000.mp4",
        "original_sequences/youtube/c40/videos/000.mp4",
        "FaceForensics++/original_sequences/youtube/c23/videos/000.mp4",
    )
    scanned = LAYOUTS["faceforensics"].scan(root)
    assert len(scanned.rows) == 2
    assert scanned.reasons == {"second file of the same recording": 1}
    assert [conflict.path for conflict in scanned.conflicts] == ["original_sequences/youtube/c23/videos/000.mp4"]


def test_the_choice_leaves_out_other_levels_with_a_reason_and_touches_no_other_dataset(make_tree):
    chosen = keep_level(LAYOUTS["faceforensics"].scan(make_tree(*OFFICIAL)), "c23")
    assert {row.compression for row in chosen.rows} == {"c23"}
    assert chosen.reasons == {"compression raw, not c23": 2, "compression c40, not c23": 2}
    others = LAYOUTS["celeb_df"].scan(make_tree("Celeb-real/id1_0000.mp4", root="c40"))
    assert keep_level(others, "c23") == others


def test_levels_that_tell_the_label_are_a_conflict(make_tree):
    def found(*files: str) -> list[str]:
        rows = LAYOUTS["faceforensics"].scan(make_tree(*files, root=str(len(files)))).rows
        return [f"{conflict.problem}. {conflict.remedy}" for conflict in find_level_conflicts("faceforensics", rows)]

    assert found("c23/original/000.mp4", "c23/Deepfakes/000_003.mp4") == []
    assert found("c23/original/000.mp4") == []
    assert found("raw/original/000.mp4", "c23/Deepfakes/000_003.mp4", "c23/FaceSwap/000_003.mp4") == [
        "real files are raw, but fakes are c23: the compression level gives the label away. Get both in the same level"
    ]
    assert found("raw/original/000.mp4", "c23/original/000.mp4", "c23/Deepfakes/000_003.mp4", "notes.txt") == [
        "real files are c23 and raw, but fakes are c23: the compression level gives the label away. "
        "Choose one with --compression c23"
    ]


def test_the_scan_keeps_the_chosen_level_and_refuses_one_that_does_not_exist(tmp_path: Path):
    with pytest.raises(UsageError, match="--compression c24: no such level"):
        scan(tmp_path, compression="c24", say=lambda line: None)
    for level in ("c23", "c40"):
        picture(tmp_path / f"DFD_faces_{level}/train/real/01__a_face1.png", 1)
    lines: list[str] = []
    manifest, report = scan(tmp_path, compression="c40", workers=1, say=lines.append)
    assert [row.compression for row in manifest.rows()] == ["c40"]
    assert [Path(conflict.path).name for conflict in report.conflicts] == ["DFD_faces_c23"]
