"""Several folders in one scan, links to folders, and names in either Unicode form."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from small_media import picture

import unmask
from unmask.cli import app
from unmask.core.errors import MissingInput, UsageError
from unmask.manifests.datasets.file_tree import following_links, walk
from unmask.manifests.manifest import MediaRow, read_manifest, write_manifest
from unmask.manifests.scan.discovery import find_datasets
from unmask.manifests.scan.scan import scan


def draw(root: Path, *names: str) -> Path:
    for name in names:
        picture(root / name, sum((root / name).as_posix().encode()))
    return root


def rows_of(*roots: Path, **options: object) -> list[MediaRow]:
    manifest, report = scan(roots, workers=1, say=lambda line: None, **options)  # type: ignore[arg-type]
    assert report.failed == {}
    assert all(manifest.locate(row).is_file() for row in manifest.rows())
    return list(manifest.rows())


def test_several_folders_are_one_scan_with_unique_names(tmp_path: Path):
    one = draw(tmp_path / "one", "speech/real/1.png", "speech/fake/2.png", "zoo/real/3.png", "zoo/fake/4.png")
    two = draw(tmp_path / "two", "speech/real/1.png", "speech/fake/2.png")
    three = draw(tmp_path / "three", "real/5.png", "fake/6.png")
    rows = rows_of(one, two, three)
    keys = ["one_speech", "three", "two_speech", "zoo"]
    assert sorted({row.dataset for row in rows}) == keys
    assert {row.dataset: row.domain_id for row in rows} == {key: 9 + number for number, key in enumerate(keys)}
    assert len({row.media_id for row in rows}) == len(rows) == 8
    assert rows_of(three, two, one) == rows


def test_a_folder_that_is_given_twice_or_from_within_is_read_once(tmp_path: Path):
    root = draw(tmp_path, "data/mine/real/1.png", "data/mine/fake/2.png") / "data"
    (tmp_path / "link").symlink_to(root / "mine")
    for roots in ((root, root), (root, root / "mine"), (root / "mine", root), (root, tmp_path / "link")):
        assert [row.path for row in rows_of(*roots)] == ["fake/2.png", "real/1.png"]


def test_a_known_dataset_in_two_folders_is_read_once_and_reported(tmp_path: Path):
    draw(tmp_path, "a/dfd_faces/train/real/01__a_face1.png", "b/dfd_faces/train/real/02__a_face1.png")
    (found,) = find_datasets([tmp_path / "a", tmp_path / "b"])
    assert found.root == tmp_path / "a/dfd_faces"
    assert [conflict.path for conflict in found.find_duplicates()] == [str(tmp_path / "b/dfd_faces")]


def test_what_lies_beside_the_datasets_of_several_folders_has_its_whole_path(tmp_path: Path):
    draw(
        tmp_path, "a/mine/real/1.png", "a/mine/fake/1.png", "a/other/1.png", "b/yours/real/2.png", "b/yours/fake/3.png"
    )
    lines: list[str] = []
    _, report = scan([tmp_path / "a", tmp_path / "b"], workers=1, say=lines.append)
    assert [one.path for one in report.ignored] == [str(tmp_path / "a/other")]
    assert f"not read: {tmp_path}/a/other (folder that is not a dataset)" in lines


def test_the_command_and_the_api_take_several_folders_and_a_media_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    media = draw(tmp_path / "media", "x/1.png", "x/2.png", "x/3.png", "x/4.png")
    mine = draw(tmp_path / "mine", "real/5.png", "fake/6.png")
    table = tmp_path / "lists/own.tsv"
    table.parent.mkdir()
    table.write_text("path\tlabel\nx/1.png\t0\nx/2.png\t1\nx/3.png\t0\nx/4.png\t1\n")
    call = ["scan", str(table), str(mine), "--media-root", str(media), "--work", str(tmp_path / "w"), "--json"]
    with pytest.raises(SystemExit) as stopped:
        app.main(call)
    assert not stopped.value.code
    assert json.loads(capsys.readouterr().out)["rows"] == 6
    work = unmask.Work(tmp_path / "v", say=lambda line: None)
    found = work.scan([table, mine], media_root=media, workers=1)
    assert found.manifest.table.equals(read_manifest(tmp_path / "w/manifest.parquet").table)
    assert found.manifest.roots["own"] == str(media)
    again = work.scan([mine, table], media_root=media, workers=1)
    assert again.reports[0].skipped == 6


def test_a_media_root_needs_a_table_and_must_exist(tmp_path: Path):
    draw(tmp_path, "mine/real/1.png")
    with pytest.raises(UsageError, match="--media-root: no table is found"):
        find_datasets(tmp_path, media_root=tmp_path)
    with pytest.raises(MissingInput, match="no such folder"):
        find_datasets(tmp_path, media_root=tmp_path / "nowhere")


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """A dataset of links: folders and files elsewhere, loops, and one folder under two names."""
    draw(tmp_path / "disk", "reals/1.png", "reals/deep/2.png", "fakes/3.png", "blobs/4.png")
    root = tmp_path / "data/mine"
    (root / "fake").mkdir(parents=True)
    (root / "real").symlink_to(tmp_path / "disk/reals")
    (root / "fake/set").symlink_to(tmp_path / "disk/fakes")
    (root / "fake/z-again").symlink_to(tmp_path / "disk/fakes")
    (root / "fake/4.png").symlink_to(tmp_path / "disk/blobs/4.png")
    (root / "fake/loop").symlink_to(root)
    (root / "fake/up").symlink_to(tmp_path)
    (tmp_path / "disk/fakes/back").symlink_to(root / "fake")
    return tmp_path / "data"


def test_linked_folders_are_read_once_and_loops_end(farm: Path):
    with following_links():
        tree = walk(farm / "mine")
    assert tree.files == ["fake/4.png", "fake/set/3.png", "real/1.png", "real/deep/2.png"]
    assert {path for path, reason in tree.left_out if reason == "link to a folder that is read already"} == {
        *("fake/loop", "fake/set/back", "fake/up", "fake/z-again"),
    }
    without = walk(farm / "mine")
    assert without.files == []
    assert len(without.left_out) == 6


def test_a_link_farm_is_scanned_split_and_found_again(farm: Path, tmp_path: Path):
    rows = rows_of(farm, follow_links=True)
    assert [(row.path, row.label) for row in rows] == [
        *(("fake/4.png", 1), ("fake/set/3.png", 1), ("real/1.png", 0), ("real/deep/2.png", 0)),
    ]
    work = unmask.Work(tmp_path / "work", say=lambda line: None)
    work.scan(farm, follow_links=True, workers=1)
    work.split("grouped", seed=3)
    manifest = work.read_manifest()
    assert all(manifest.locate(row).is_file() for row in manifest.rows())
    assert work.audit(workers=1).stale == []


def test_the_snapshot_of_a_hub_is_called_after_its_repository(tmp_path: Path):
    hub = tmp_path / "datasets--someone--faces"
    draw(hub / "blobs", "1.png", "2.png")
    snapshot = hub / "snapshots/0a1b2c"
    for number, label in ((1, "real"), (2, "fake")):
        (snapshot / label).mkdir(parents=True)
        (snapshot / label / "face.png").symlink_to(f"../../../blobs/{number}.png")
    rows = rows_of(snapshot, follow_links=True)
    assert [(row.dataset, row.path) for row in rows] == [
        *(("datasets_someone_faces", "fake/face.png"), ("datasets_someone_faces", "real/face.png")),
    ]
    with pytest.raises(MissingInput, match="2 link that leads out") as missing:
        scan(snapshot, say=lambda line: None)
    assert "--follow-links" in missing.value.hint


def test_a_table_may_list_links(tmp_path: Path):
    draw(tmp_path, "blobs/1.png", "blobs/2.png")
    for number in (1, 2):
        (tmp_path / f"data/{number}.png").parent.mkdir(exist_ok=True)
        (tmp_path / f"data/{number}.png").symlink_to(tmp_path / f"blobs/{number}.png")
    (tmp_path / "data/own.csv").write_text("path,label\n1.png,0\n2.png,1\n")
    assert len(rows_of(tmp_path / "data")) == 2


def test_a_manifest_of_an_earlier_version_links_nothing(tmp_path: Path):
    draw(tmp_path, "mine/real/1.png", "mine/fake/2.png")
    manifest, _ = scan(tmp_path, workers=1, say=lambda line: None)
    write_manifest(tmp_path / "m.parquet", manifest)
    assert read_manifest(tmp_path / "m.parquet").linked == frozenset()


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_accents_of_folders_texts_and_tables_match_in_either_form(tmp_path: Path, stored: str):
    other = "NFD" if stored == "NFC" else "NFC"

    def name(text: str, form: str) -> str:
        return unicodedata.normalize(form, text)

    draw(
        tmp_path,
        *(f"mine/{label}/{name(f'café{number}', stored)}.png" for number, label in enumerate(("real", "fake"))),
    )
    (tmp_path / "mine/real" / name("café0.txt", other)).write_text("hello")
    listed = name("fake/café1.png", other)
    (tmp_path / "mine/transcripts.csv").write_text(f"path,text\n{listed},good evening\n", encoding="utf-8")
    assert {row.label: row.text for row in rows_of(tmp_path)} == {0: "hello", 1: "good evening"}
