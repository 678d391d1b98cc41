"""Folders that cannot be read, loops of links, names with anything in them: each with an outcome that is told."""

from __future__ import annotations

import codecs
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import soundfile
from PIL import Image
from small_media import picture

from unmask.core.errors import MissingInput
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.file_tree import walk
from unmask.manifests.findings import Conflict, Ignored, read_findings, write_findings
from unmask.manifests.manifest import read_manifest, write_manifest
from unmask.manifests.scan.discovery import find_datasets, list_unclaimed
from unmask.manifests.scan.probe import probe_file
from unmask.manifests.scan.scan import scan

NOBODY = 65_534


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of somebody whom permissions bind: root reads everything."""
    "".encode("utf-8-sig")  # Python imports a codec when it is first used, which this user may not
    folder = Path(tempfile.mkdtemp(prefix="unmask-"))
    codecs.lookup("utf-8-sig")  # nobody may not read the standard library of a Python in root's home
    user = os.geteuid()
    if user == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if user == 0:
            os.seteuid(0)
        for path in folder.rglob("*"):
            path.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_that_cannot_be_read_is_ignored_with_its_remedy(as_nobody):
    (as_nobody / "Celeb-DF-v2/Celeb-real").mkdir(parents=True)
    (as_nobody / "Celeb-DF-v2/YouTube-real").mkdir()
    (as_nobody / "Celeb-DF-v2/Celeb-real/id1_0000.mp4").touch()
    (as_nobody / "Celeb-DF-v2/List_of_testing_videos.txt").touch()
    (as_nobody / "Celeb-DF-v2/YouTube-real").chmod(0)
    scanned = find_datasets(as_nobody)[0].scan()
    assert [row.path for row in scanned.rows] == ["Celeb-real/id1_0000.mp4"]
    assert scanned.ignored == [Ignored("celeb_df", "YouTube-real", "folder that cannot be read")]
    assert scanned.conflicts == [
        Conflict("celeb_df", "YouTube-real", "folder that cannot be read", "Check its permissions and scan again")
    ]


def test_a_dataset_and_a_data_root_that_cannot_be_read_are_reported(as_nobody):
    (as_nobody / "DFF").mkdir(mode=0)
    (as_nobody / "other").mkdir(mode=0)
    (found,) = find_datasets(as_nobody)
    assert found.scan().ignored == [Ignored("dff", ".", "folder that cannot be read")]
    assert list_unclaimed(as_nobody, [found]) == [Ignored("", "other", "folder that cannot be read")]
    with pytest.raises(MissingInput, match="looks like dff; ignored: 1 folder that cannot be read"):
        scan(as_nobody, say=lambda line: None)
    with pytest.raises(MissingInput, match="cannot be read"):
        find_datasets(as_nobody / "other")
    with pytest.raises(MissingInput, match="Permission denied"):
        find_datasets(as_nobody / "other/inner")


def test_a_file_and_a_list_that_cannot_be_read_are_reported(as_nobody):
    (as_nobody / "Celeb-real").mkdir()
    (as_nobody / "Celeb-real/id1_0000.mp4").touch()
    (as_nobody / "List_of_testing_videos.txt").touch(mode=0)
    (as_nobody / "meta_data.csv").touch(mode=0)
    (as_nobody / "transcripts.csv").touch(mode=0)
    picture(as_nobody / "a.png", 0)
    (as_nobody / "a.png").chmod(0)
    celeb = LAYOUTS["celeb_df"].scan(as_nobody)
    assert [row.official_split for row in celeb.rows] == [None]
    assert [conflict.path for conflict in celeb.conflicts] == ["transcripts.csv", "List_of_testing_videos.txt"]
    assert all("cannot be read (Permission denied)" in conflict.problem for conflict in celeb.conflicts)
    listed = LAYOUTS["fakeavceleb"].scan(as_nobody).conflicts
    assert any(one.path == "meta_data.csv" and "Permission denied" in one.problem for one in listed)
    assert (probe_file(as_nobody / "a.png", "image").reason or "").startswith("unreadable: Permission denied")


def test_loops_and_broken_links_end_and_are_listed(tmp_path):
    root = tmp_path / "DFF"
    picture(root / "DFD_original sequences/01__a.png", 0)
    (root / "loop").symlink_to(root)
    (root / "itself").symlink_to(root / "itself")
    (root / "gone.mp4").symlink_to(root / "nowhere")
    (root / "here").symlink_to(root / "there")
    (root / "there").symlink_to(root / "here")
    tree = walk(root)
    assert tree.files == ["DFD_original sequences/01__a.png"]
    assert tree.left_out == [
        ("gone.mp4", "broken link"),
        ("here", "broken link"),
        ("itself", "broken link"),
        ("loop", "link to a folder"),
        ("there", "broken link"),
    ]


def test_a_dataset_may_be_a_link_and_a_loop_beside_it_is_listed(tmp_path):
    picture(tmp_path / "disk/dfd_faces/train/real/01__a_face1.png", 0)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/dfd_faces").symlink_to(tmp_path / "disk/dfd_faces")
    (tmp_path / "data/DFF").symlink_to(tmp_path / "data/DFF")
    found = find_datasets(tmp_path / "data")
    assert [dataset.key for dataset in found] == ["dfd_faces"]
    assert len(found[0].scan().rows) == 1
    assert list_unclaimed(tmp_path / "data", found) == [Ignored("", "DFF", "not in the folder of a dataset")]


STRANGE = (
    "new\nline.png",
    "quo\"te's.png",
    "tab\t, comma.png",
    "ümläut 漢字.png",
    "-rf *.png",
    "$(x) `y` %s.png",
    "\x1b[31m.png",
)


def test_any_name_in_utf8_is_read_probed_kept_and_led_back_to(tmp_path):
    for number, name in enumerate(STRANGE):
        picture(tmp_path / "data/mine/real" / name, number)
        picture(tmp_path / "data/mine/fake" / name, 50 + number)
    soundfile.write(tmp_path / "data/mine/real/new\nline.wav", [0.0] * 800, 8_000)
    lines: list[str] = []
    manifest, report = scan(tmp_path / "data", workers=1, say=lines.append)
    write_manifest(tmp_path / "m.parquet", manifest)
    rows = list(read_manifest(tmp_path / "m.parquet").rows())
    assert {row.path for row in rows} == {
        *(f"{label}/{name}" for label in ("real", "fake") for name in STRANGE),
        "real/new\nline.wav",
    }
    assert {row.status for row in rows} == {"ok"}
    assert all(manifest.locate(row).is_file() for row in rows)
    assert report.failed == {}
    assert all(line.isprintable() for line in lines)


def test_a_name_that_is_not_utf8_is_ignored_and_shown_in_ascii(tmp_path):
    folder = tmp_path / "data/mine/real"
    picture(folder / "good.png", 0)
    bad = folder / b"caf\xe9.png".decode("utf-8", "surrogateescape")
    Image.new("L", (4, 4)).save(str(bad))
    hidden = tmp_path / "data" / b"\xff\xfe".decode("utf-8", "surrogateescape")
    (hidden / "real").mkdir(parents=True)
    lines: list[str] = []
    manifest, report = scan(tmp_path / "data", workers=1, say=lines.append)
    assert [row.path for row in manifest.rows()] == ["real/good.png"]
    assert report.ignored == [
        Ignored("", "\\xff\\xfe", "name that is not UTF-8"),
        Ignored("mine", "real/caf\\xe9.png", "name that is not UTF-8"),
    ]
    assert "mine: warning: real/caf\\xe9.png: name that is not UTF-8. Rename it" in "\n".join(lines)
    assert any("\\xff\\xfe (name that is not UTF-8)" in line for line in lines)
    write_findings(tmp_path / "f.parquet", report)
    assert read_findings(tmp_path / "f.parquet") == (report.ignored, report.conflicts)


def test_a_data_root_whose_path_is_not_utf8_is_refused_with_the_remedy(tmp_path):
    root = tmp_path / b"caf\xe9".decode("utf-8", "surrogateescape")
    picture(tmp_path / "mine/real/a.png", 0)
    (tmp_path / "mine").rename(root)
    with pytest.raises(MissingInput, match="the path is not UTF-8") as refused:
        scan(root, say=lambda line: None)
    assert "rename the folder" in refused.value.hint


def test_pipes_and_sockets_are_neither_read_nor_waited_for(tmp_path):
    (tmp_path / "real").mkdir()
    os.mkfifo(tmp_path / "real/pipe.png")
    assert walk(tmp_path).left_out == [("real/pipe.png", "neither file nor folder")]
    assert "not a file" in (probe_file(tmp_path / "real/pipe.png", "image").reason or "")


LISTS = ("labels.csv", "transcripts.csv", "meta_data.csv", "List_of_testing_videos.txt", "real/a.txt", "real/b.png")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("folder", ["mine", "FakeAVCeleb", "Celeb-DF-v2", "DEEP-VOICE", "DFF"])
def test_links_to_pipes_are_not_waited_for_whatever_their_names(tmp_path, folder):
    root = tmp_path / folder
    picture(root / "real/real.png", 0)
    picture(root / "fake/fake.png", 1)
    os.mkfifo(root / "pipe")
    for name in LISTS:
        (root / name).symlink_to(root / "pipe")
    with suppress(MissingInput):  # these are not the folders of every dataset
        manifest, report = scan(root, say=lambda line: None)
        assert {Path(row.path).name for row in manifest.rows()} <= {"fake.png", "real.png"}
        assert "neither file nor folder" in {one.reason for one in report.ignored}
