"""The whole stage on small trees: what is found, what is said, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from casts import leaks
from small_media import picture

from unmask.core.errors import MissingInput, UsageError
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.findings import escape_unprintable
from unmask.manifests.manifest import MediaRow, read_manifest, write_manifest
from unmask.manifests.scan.discovery import find_datasets
from unmask.manifests.scan.scan import scan
from unmask.manifests.scan.single_files import make_file_manifest


@pytest.fixture(scope="module")
def two_datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dfd_faces and a user's own folder: 12 pictures each and one broken file."""
    root = tmp_path_factory.mktemp("two")
    for number, actor in enumerate(("01", "19", "24")):
        picture(root / f"dfd_faces/train/real/{actor}__a_face0001.png", number)
        picture(root / f"dfd_faces/train/fake/{actor}_{int(actor) + 1:02}__a__ABCDEFGH_face0001.png", 10 + number)
    for number in range(6):
        picture(root / f"zoo/real/{number}.png", 20 + number)
        picture(root / f"zoo/fake/{number}.png", 30 + number)
    (root / "zoo/fake/broken.png").write_bytes(b"nothing")
    (root / "zoo/readme.md").write_text("about")
    return root


def test_every_dataset_gets_a_line_found_or_not(two_datasets):
    lines: list[str] = []
    manifest, report = scan(two_datasets, workers=1, say=lines.append)
    assert [line.partition(":")[0] for line in lines] == [*LAYOUTS, "zoo"]
    assert "dff: not found (looked for DFF, DFD, DeepFakeDetection)" in lines
    assert lines[7].startswith("dfd_faces: 6 files, 3 real + 3 fake (train 1 + 1, val 1 + 1, test 1 + 1) in ")
    assert lines[9].startswith("zoo: 13 files, 6 real + 7 fake (")
    assert lines[9].endswith("1 unsupported in " + str(two_datasets / "zoo") + "; ignored: 1 not media")
    assert str(report) == "scan: 19 given = 18 done + 0 skipped + 1 failed"
    assert len(manifest) == 19


def test_a_broken_file_is_a_row_with_its_reason(two_datasets):
    manifest, report = scan(two_datasets, workers=1, say=lambda line: None)
    (broken,) = [row for row in manifest.rows() if row.status == "failed"]
    assert broken.path == "fake/broken.png"
    assert broken.reason == report.failed["zoo/fake/broken.png"]
    assert broken.reason.startswith("unsupported: ")


def test_the_manifest_survives_its_file_and_leads_back_to_the_media(two_datasets, tmp_path):
    manifest, _ = scan(two_datasets, workers=2, say=lambda line: None)
    write_manifest(tmp_path / "m.parquet", manifest)
    again = read_manifest(tmp_path / "m.parquet")
    rows = list(again.rows())
    assert rows == list(manifest.rows())
    assert all(again.locate(row).is_file() for row in rows)
    assert [(row.domain_id, row.path) for row in rows] == sorted((row.domain_id, row.path) for row in rows)
    assert again.split_hash == manifest.split_hash
    assert leaks(rows) == {}


def test_the_same_files_elsewhere_make_the_same_manifest(two_datasets, tmp_path):
    moved = Path(shutil.copytree(two_datasets, tmp_path / "moved"))
    first, _ = scan(two_datasets, workers=1, say=lambda line: None)
    second, _ = scan(moved, workers=2, say=lambda line: None)
    assert first.table.equals(second.table)


def test_schemes_and_seeds_change_the_split_hash_and_nothing_else(two_datasets):
    first, _ = scan(two_datasets, workers=1, say=lambda line: None)
    second, _ = scan(two_datasets, scheme="grouped", seed=3, workers=1, say=lambda line: None)
    assert first.split_hash != second.split_hash
    ids = [m.table.column("media_id").to_pylist() for m in (first, second)]
    assert ids[0] == ids[1]


def test_a_leaking_scheme_is_said_to_leak(tmp_path):
    for split, name in (("train", "01__a_face1"), ("test", "01__a_face2")):
        picture(tmp_path / f"dfd_faces/{split}/real/{name}.png", len(split))
    lines: list[str] = []
    manifest, _ = scan(tmp_path, scheme="official", workers=1, allow_leaks=True, say=lines.append)
    scheme = manifest.table.column("split_scheme")[0].as_py()
    assert lines[-1].startswith(f"warning: {scheme} puts 2 identities, sources or files into several splits: dfd:01 (")


def test_an_empty_root_is_missing_input_with_the_names_to_look_for(tmp_path):
    with pytest.raises(MissingInput) as missing:
        scan(tmp_path, say=lambda line: None)
    assert missing.value.exit_code == 4
    assert "FaceForensics++" in missing.value.hint
    assert "{real,fake}" in missing.value.hint


def test_a_dataset_without_one_usable_file_is_missing_input_and_says_what_was_ignored(make_tree):
    with pytest.raises(MissingInput, match=r"looks like celeb_df; ignored: 1 not in Celeb-real"):
        scan(make_tree("Celeb-DF-v2/holiday.mp4"), say=lambda line: None)


def test_a_root_that_is_not_there_and_a_file_that_is_no_table_are_missing_input(tmp_path):
    with pytest.raises(MissingInput, match="no such folder"):
        scan(tmp_path / "nowhere", say=lambda line: None)
    (tmp_path / "notes.csv").write_text("a,b\n")
    with pytest.raises(MissingInput, match="not a dataset"):
        scan(tmp_path / "notes.csv", say=lambda line: None)


def test_an_unknown_scheme_is_refused_before_any_work(tmp_path):
    with pytest.raises(UsageError, match="no such split scheme"):
        scan(tmp_path, scheme="random", say=lambda line: None)


def test_the_root_may_be_one_dataset_itself(make_tree):
    cases = {
        "Celeb-DF-v2": ("Celeb-real/id1_0000.mp4", ["celeb_df"]),
        "renamed": ("manipulated_sequences/Face2Face/c23/videos/000_003.mp4", ["faceforensics"]),
        "dfd_faces": ("train/real/01__a_face1.png", ["dfd_faces"]),
        "mine": ("train/real/a.png", ["mine"]),
        "DEEP-VOICE": ("KAGGLE/AUDIO/REAL/tom-original.wav", ["deepvoice", "deepvoice_demo"]),
    }
    for name, (file, keys) in cases.items():
        assert [found.key for found in find_datasets(make_tree(file, root=name))] == keys


def test_a_second_folder_of_the_same_dataset_is_reported_and_not_read(tmp_path):
    picture(tmp_path / "dfd_faces/train/real/01__a_face1.png", 0)
    picture(tmp_path / "DFD-faces/train/real/02__a_face1.png", 1)
    lines: list[str] = []
    manifest, _ = scan(tmp_path, workers=1, say=lines.append)
    assert len(manifest) == 1
    assert any("also has a name of dfd_faces" in line and "is not read" in line for line in lines)


def test_a_folder_with_one_part_of_deep_voice_says_that_the_other_is_not_in_it(tmp_path):
    folder = tmp_path / "DeepFake_AudioDataset/KAGGLE/AUDIO/REAL"
    folder.mkdir(parents=True)
    soundfile.write(folder / "tom-original.wav", np.zeros(800, np.int16), 8_000)
    lines: list[str] = []
    scan(tmp_path, workers=1, say=lines.append)
    assert f"deepvoice_demo: no files in {tmp_path / 'DeepFake_AudioDataset'}" in lines


def test_what_is_said_stays_on_one_line_of_utf8():
    assert escape_unprintable("a\nb\udcff\x1b[31m é") == "a\\nb\\udcff\\x1b[31m é"


def test_files_for_a_verdict_have_no_label_split_or_dataset_number(tmp_path):
    picture(tmp_path / "a/1.png", 0)
    soundfile.write(tmp_path / "2.wav", np.zeros(800, np.int16), 8_000)
    (tmp_path / "2.txt").write_text("good evening")
    (tmp_path / "3.mp4").write_bytes(b"nothing")
    files = [tmp_path / "2.wav", tmp_path / "a/1.png", tmp_path / "3.mp4", tmp_path / "a/../2.wav"]
    manifest = make_file_manifest(files)
    rows: list[MediaRow] = list(manifest.rows())
    assert [row.path for row in rows] == ["2.wav", "a/1.png", "3.mp4"]
    assert {(row.dataset, row.domain_id, row.label, row.split, row.method) for row in rows} == {
        ("files", -1, None, None, "unknown")
    }
    assert [row.status for row in rows] == ["ok", "ok", "failed"]
    assert rows[0].text == "good evening"
    assert [manifest.locate(row) for row in rows] == [path.resolve() for path in files[:3]]


def test_files_that_cannot_be_used_are_refused_by_name(tmp_path):
    (tmp_path / "a.doc").write_text("words, no media\n")
    with pytest.raises(MissingInput, match="no such file"):
        make_file_manifest([tmp_path / "a.mp4"])
    (row,) = make_file_manifest([tmp_path / "a.doc"]).rows()
    assert (row.status, (row.reason or "").partition(":")[0]) == ("failed", "unsupported")
    odd = tmp_path / b"caf\xe9.png".decode("utf-8", "surrogateescape")
    odd.touch()
    with pytest.raises(UsageError, match=r"caf\\xe9.png: the path is not UTF-8"):
        make_file_manifest([odd])
    with pytest.raises(UsageError, match="no files given"):
        make_file_manifest([])
