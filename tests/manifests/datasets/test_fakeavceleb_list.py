"""FakeAVCeleb's meta_data.csv against its folders, its flat copy, and lists that are broken."""

from __future__ import annotations

import pytest

from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.base import Scanned


def labels(scanned: Scanned) -> dict[str, int | None]:
    return {row.path: row.label for row in scanned.rows}


AV_LIST = """source,target1,target2,method,category,type,race,gender,path,
id00076,-,-,real,A,RealVideo-RealAudio,African,men,00109.mp4,FakeAVCeleb/RealVideo-RealAudio/African/men/id00076
id00076,id00476,-,faceswap-wav2lip,D,FakeVideo-FakeAudio,African,men,00109_1.mp4,FakeAVCeleb/x
id00076,id00018,-,fsgan,C,FakeVideo-RealAudio,African,men,00109_1.mp4,FakeAVCeleb/y
"""


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_fakeavcelebs_list_is_keyed_on_type_and_file_name(make_tree, start):
    root = make_tree(
        "RealVideo-RealAudio/African/men/id00076/00109.mp4",
        "FakeVideo-FakeAudio/African/men/id00076/00109_1.mp4",
        "FakeVideo-RealAudio/African/men/id00076/00109_1.mp4",
        ("meta_data.csv", start + AV_LIST),
    )
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    both, video, real = scanned.rows
    assert (both.method, both.video_fake, both.audio_fake) == ("faceswap-wav2lip", True, True)
    assert both.people == ("fakeavceleb:id00076", "fakeavceleb:id00476")
    assert (video.method, video.video_fake, video.audio_fake) == ("fsgan", True, False)
    assert video.people == ("fakeavceleb:id00076", "fakeavceleb:id00018")
    assert (real.method, real.video_fake, real.audio_fake) == ("none", False, False)
    assert scanned.conflicts == []


def test_fakeavcelebs_flat_copy_is_read_from_its_list(make_tree):
    root = make_tree("videos/00109.mp4", "videos/00109_1.mp4", "videos/other.mp4", ("meta_data.csv", AV_LIST))
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    # 00109_1.mp4 is listed under two types: a flat copy cannot tell which it is.
    assert labels(scanned) == {"videos/00109.mp4": 0}
    assert scanned.reasons == {
        "not in a folder of one of the four types, and meta_data.csv lists it under several types": 1,
        "not in a folder of one of the four types, and meta_data.csv does not list it": 1,
    }


def test_fakeavceleb_without_a_list_believes_folders_and_names(make_tree):
    root = make_tree("FakeVideo-FakeAudio/African/men/id00076/00109_id00476_faceswap_wavtolip.mp4")
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    (row,) = scanned.rows
    assert (row.method, row.people) == ("faceswap-wav2lip", ("fakeavceleb:id00076", "fakeavceleb:id00476"))
    assert [one.problem.partition(",")[0] for one in scanned.conflicts] == ["meta_data.csv is missing"]


def test_listed_clips_without_a_file_are_counted(make_tree):
    root = make_tree("RealVideo-RealAudio/African/men/id00076/00109.mp4", ("meta_data.csv", AV_LIST))
    (conflict,) = LAYOUTS["fakeavceleb"].scan(root).conflicts
    assert conflict.problem.startswith("2 of the 3 clips listed in meta_data.csv are missing, such as fakevideofakea")


def test_fakeavcelebs_list_against_the_folder_is_reported(make_tree):
    root = make_tree("RealVideo-FakeAudio/African/men/id00076/00109.mp4", ("meta_data.csv", AV_LIST))
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    assert [(row.label, row.method) for row in scanned.rows] == [(1, "rtvc")]
    assert "only as RealVideo-RealAudio" in str(scanned.conflicts[0])


def test_a_list_without_its_columns_is_reported_and_not_used(make_tree):
    root = make_tree("RealVideo-RealAudio/a/b/id00076/00109.mp4", ("meta_data.csv", "name,kind\nx,y\n"))
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    assert [row.label for row in scanned.rows] == [0]
    assert "no column source, method, type, path" in str(scanned.conflicts[0])


HEADER = "source,target1,target2,method,category,type,race,gender,path,\n"


def line(source: str, target: str, method: str, category: str, kind: str, name: str) -> str:
    return f"{source},{target},-,{method},{category},{kind},African,men,{name},somewhere\n"


@pytest.mark.parametrize(
    ("kind", "category", "method", "label", "video_fake", "audio_fake"),
    [
        ("RealVideo-RealAudio", "A", "real", 0, False, False),
        ("RealVideo-FakeAudio", "B", "rtvc", 1, False, True),
        ("FakeVideo-RealAudio", "C", "faceswap", 1, True, False),
        ("FakeVideo-RealAudio", "C", "fsgan", 1, True, False),
        ("FakeVideo-FakeAudio", "D", "wav2lip", 1, True, True),
        ("FakeVideo-FakeAudio", "D", "faceswap-wav2lip", 1, True, True),
        ("FakeVideo-FakeAudio", "D", "fsgan-wav2lip", 1, True, True),
    ],
)
def test_each_type_and_method_tells_which_modality_is_fake(
    make_tree, kind, category, method, label, video_fake, audio_fake
):
    listed = HEADER + line("id00076", "-", method, category, kind, "00109_x.mp4")
    root = make_tree(f"{kind}/Caucasian (European)/women/id00076/00109_x.mp4", ("meta_data.csv", listed))
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    (row,) = scanned.rows
    assert (row.label, row.video_fake, row.audio_fake) == (label, video_fake, audio_fake)
    assert row.method == ("none" if method == "real" else method)
    assert scanned.conflicts == []


def test_two_people_with_a_recording_of_one_number_keep_their_own_lines(make_tree):
    names = [("id00173", "id00018"), ("id00366", "id00476")]
    listed = HEADER + "".join(line(s, t, "fsgan", "C", "FakeVideo-RealAudio", "00118_0.mp4") for s, t in names)
    root = make_tree(
        *(f"FakeVideo-RealAudio/African/men/{source}/00118_0.mp4" for source, _ in names), ("meta_data.csv", listed)
    )
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    assert [row.people for row in scanned.rows] == [
        ("fakeavceleb:id00173", "fakeavceleb:id00018"),
        ("fakeavceleb:id00366", "fakeavceleb:id00476"),
    ]
    assert scanned.conflicts == []


def test_in_a_flat_copy_everybody_whom_a_file_can_show_counts(make_tree):
    listed = HEADER + "".join(
        line(source, "-", "real", "A", "RealVideo-RealAudio", "00118.mp4") for source in ("id00173", "id00366")
    )
    (row,) = LAYOUTS["fakeavceleb"].scan(make_tree("videos/00118.mp4", ("meta_data.csv", listed))).rows
    assert (row.label, row.people) == (0, ("fakeavceleb:id00173", "fakeavceleb:id00366"))


def test_a_file_of_somebody_else_than_the_list_says_is_reported(make_tree):
    listed = HEADER + line("id00173", "-", "real", "A", "RealVideo-RealAudio", "00118.mp4")
    root = make_tree("RealVideo-RealAudio/African/men/id00999/00118.mp4", ("meta_data.csv", listed))
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    assert [row.people for row in scanned.rows] == [("fakeavceleb:id00999",)]
    assert "lists it only for id00173; the folder is used" in scanned.conflicts[0].problem


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (line("id1", "-", "real", "A", "Real", "1.mp4"), "line 2: no file name, or a type that is not one of"),
        (
            line("id1", "-", "real", "A", "RealVideo-RealAudio", ""),
            "line 2: no file name, or a type that is not one of",
        ),
        (
            line("id1", "-", "fsgan", "A", "RealVideo-RealAudio", "1.mp4"),
            "line 2: type RealVideo-RealAudio, but met",
        ),
        (
            line("id1", "-", "real", "C", "RealVideo-RealAudio", "1.mp4"),
            "line 2: type RealVideo-RealAudio, but cat",
        ),
        (
            line("id1", "id2", "fsgan", "C", "FakeVideo-RealAudio", "1.mp4")
            + line("id1", "id3", "fsgan", "C", "FakeVideo-RealAudio", "1.mp4"),
            "line 3: 1.mp4 of id1 is listed twice as FakeVideo-RealAudio with different values",
        ),
    ],
)
def test_a_line_that_contradicts_itself_or_another_is_reported_with_its_number(make_tree, lines, problem):
    root = make_tree("RealVideo-RealAudio/a/b/id1/9.mp4", ("meta_data.csv", HEADER + lines))
    conflicts = LAYOUTS["fakeavceleb"].scan(root).conflicts
    (found,) = (conflict for conflict in conflicts if conflict.path == "meta_data.csv")
    assert found.problem.startswith(problem)
    assert found.remedy == "Restore the list of the archive"
