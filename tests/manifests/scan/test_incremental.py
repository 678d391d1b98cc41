"""Only what is new is probed again, and a manifest that the files no longer agree with is found out."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_media import picture

from unmask.core.errors import UsageError
from unmask.core.hashing import QUICK_BLOCK, hash_file, hash_quickly
from unmask.manifests.manifest import Manifest, read_manifest, write_manifest
from unmask.manifests.scan import incremental, probe
from unmask.manifests.scan.incremental import read_previous_manifest
from unmask.manifests.scan.scan import scan
from unmask.manifests.scan.staleness import Stale, verify_manifest


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    for number in range(4):
        picture(tmp_path / f"data/zoo/real/{number}.png", number)
        picture(tmp_path / f"data/zoo/fake/{number}.png", 10 + number)
    (tmp_path / "data/zoo/fake/broken.png").write_bytes(b"nothing")
    return tmp_path / "data"


def silent(line: str) -> None:
    pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that reach the probe, in this process so that they can be seen."""
    names: list[str] = []

    def in_process(function, items, **options):
        for chunk in items:
            names.extend(Path(path).name for path, _, _ in chunk.files)
            yield chunk, function(chunk)

    monkeypatch.setattr(probe, "run_isolated", in_process)
    return names


def test_a_second_scan_probes_only_new_changed_and_failed_files_and_gives_the_same_manifest(zoo, asked):
    first, _ = scan(zoo, say=silent)
    asked.clear()
    again, report = scan(zoo, previous=first, say=silent)
    assert asked == ["broken.png"]
    assert again.table.equals(first.table)
    assert str(report) == "scan: 9 given = 0 done + 8 skipped + 1 failed"

    picture(zoo / "zoo/real/1.png", 77)
    picture(zoo / "zoo/real/new.png", 78)
    os.utime(zoo / "zoo/fake/2.png", ns=(1, 1))
    (zoo / "zoo/fake/3.png").unlink()
    asked.clear()
    lines: list[str] = []
    grown, report = scan(zoo, previous=first, say=lines.append)
    assert sorted(asked) == ["1.png", "2.png", "broken.png", "new.png"]
    assert "scan: 5 of 9 files unchanged since the last scan, 4 probed" in lines
    fresh, _ = scan(zoo, say=silent)
    assert grown.table.equals(fresh.table)
    assert (report.given, report.done, report.skipped, len(report.failed)) == (9, 3, 5, 1)


@pytest.mark.parametrize("swapped", ["files", "folders", "places"])
def test_swapped_files_of_one_size_and_time_are_probed_again(swapped: str, tmp_path, asked, monkeypatch):
    data = tmp_path / "data"
    for number, label in enumerate(("real", "fake")):
        for name in ("a", "b"):
            path = data / "zoo" / label / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.full(800, 0.1 + 0.2 * number + 0.001 * ord(name)), 8000)
            os.utime(path, ns=(10**18, 10**18))
    write_manifest(tmp_path / "m.parquet", scan(data, say=silent)[0])
    before = read_manifest(tmp_path / "m.parquet")
    # As if everything had been there for a day: only the swap is later than the scan.
    monkeypatch.setattr(incremental, "DOUBT_NS", -1)
    asked.clear()
    again, _ = scan(data, previous=before, say=silent)
    assert not asked
    assert again.table.equals(before.table)
    time.sleep(0.02)  # the clock of the disk ticks in milliseconds
    zoo = data / "zoo"
    if swapped == "files":
        exchange(zoo / "real/a.wav", zoo / "fake/a.wav")
    elif swapped == "folders":
        exchange(zoo / "real", zoo / "fake")
    else:  # the same dataset at another place, with other content
        exchange(zoo / "real", zoo / "fake")
        data = data.rename(tmp_path / "moved")
    again, _ = scan(data, previous=before, say=silent)
    assert sorted(asked) == (["a.wav"] * 2 if swapped == "files" else ["a.wav", "a.wav", "b.wav", "b.wav"])
    contents = [{row.path: row.content for row in one.rows()} for one in (before, again)]
    assert contents[0]["real/a.wav"] == contents[1]["fake/a.wav"] != contents[1]["real/a.wav"]


def exchange(one: Path, other: Path) -> None:
    aside = one.rename(one.with_name("aside"))
    other.rename(one)
    aside.rename(other)


def test_the_split_and_what_names_tell_are_made_anew_for_reused_files(zoo, tmp_path):
    first, _ = scan(zoo, workers=1, say=silent)
    (zoo / "zoo/real/0.txt").write_text("good evening")
    second, report = scan(zoo, previous=first, seed=5, workers=1, say=silent)
    fresh, _ = scan(zoo, seed=5, workers=1, say=silent)
    assert report.skipped == 8
    assert second.table.equals(fresh.table)
    assert {row.text for row in second.rows()} == {None, "good evening"}


def test_nothing_is_started_where_everything_is_known(zoo, monkeypatch):
    (zoo / "zoo/fake/broken.png").unlink()
    first, _ = scan(zoo, workers=1, say=silent)

    def started(*arguments, **options):
        raise AssertionError("a worker was started")

    monkeypatch.setattr(probe, "run_isolated", started)
    again, _ = scan(zoo, previous=first, say=silent)
    assert again.table.equals(first.table)


def test_an_older_or_foreign_manifest_is_not_reused(zoo, tmp_path, monkeypatch):
    assert read_previous_manifest(tmp_path / "m.parquet") is None
    manifest, _ = scan(zoo, workers=1, say=silent)
    write_manifest(tmp_path / "m.parquet", manifest)
    found = read_previous_manifest(tmp_path / "m.parquet")
    assert found is not None
    assert found.table.equals(manifest.table)
    with monkeypatch.context() as earlier:
        earlier.setattr("unmask.manifests.manifest.PROBE_REVISION", 1)
        assert read_previous_manifest(tmp_path / "m.parquet") is None, "it read other header fields"
    monkeypatch.setattr("unmask.manifests.manifest.VERSION", 99)
    assert read_previous_manifest(tmp_path / "m.parquet") is None


def test_a_refused_split_costs_no_second_probing(tmp_path, asked):
    for split, name in (("train", "01__a_face1"), ("test", "01__a_face2")):
        picture(tmp_path / f"dfd_faces/{split}/real/{name}.png", len(split))
    kept: list[Manifest] = []
    with pytest.raises(UsageError, match="in several splits"):
        scan(tmp_path, scheme="official", keep=kept.append, say=silent)
    assert len(asked) == 2
    write_manifest(tmp_path / "probes.parquet", kept[0])
    manifest, report = scan(tmp_path, previous=read_manifest(tmp_path / "probes.parquet"), say=silent)
    # What is kept lies in the data root here, with the columns path and label, and is no dataset for all that.
    assert (len(asked), report.skipped, len(manifest)) == (2, 2, 2)


def twins(folder: Path) -> tuple[Path, Path]:
    """Two recordings (headers and noise) that differ in one byte which the quick fingerprint does not read."""
    import numpy as np
    import soundfile

    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(-9_000, 9_000, 10 * QUICK_BLOCK, np.int16)
    for name in ("a.wav", "b.wav"):
        soundfile.write(folder / name, noise, 16_000)
    with (folder / "b.wav").open("r+b") as file:
        file.seek(2 * QUICK_BLOCK)
        byte = file.read(1)
        file.seek(2 * QUICK_BLOCK)
        file.write(bytes([byte[0] ^ 1]))
    return folder / "a.wav", folder / "b.wav"


def test_a_full_fingerprint_tells_files_apart_that_the_quick_one_does_not(tmp_path):
    first, second = twins(tmp_path / "mine/real")
    quick, _ = scan(tmp_path, workers=1, say=silent)
    assert {row.content for row in quick.rows()} == {hash_quickly(first)} == {hash_quickly(second)}
    assert {row.sha256 for row in quick.rows()} == {None}

    full, report = scan(tmp_path, previous=quick, full_content=True, workers=1, say=silent)
    assert [row.sha256 for row in full.rows()] == [hash_file(first), hash_file(second)]
    assert len({row.sha256 for row in full.rows()}) == 2
    assert report.skipped == 0
    assert [row.content for row in full.rows()] == [row.content for row in quick.rows()]

    again, report = scan(tmp_path, previous=full, workers=1, say=silent)
    assert report.skipped == 2
    assert again.table.equals(full.table)


def test_files_that_vanished_or_changed_since_the_scan_are_found(zoo):
    manifest, _ = scan(zoo, workers=1, say=silent)
    assert verify_manifest(manifest) == []

    os.utime(zoo / "zoo/real/0.png", ns=(1, 1))  # touched, but the same
    (zoo / "zoo/fake/0.png").unlink()
    picture(zoo / "zoo/fake/1.png", 99)
    same_size = bytearray((zoo / "zoo/fake/2.png").read_bytes())
    same_size[60] ^= 255
    (zoo / "zoo/fake/2.png").write_bytes(same_size)
    (zoo / "zoo/real/3.png").unlink()
    (zoo / "zoo/real/3.png").symlink_to("/etc/hostname")
    assert verify_manifest(manifest) == [
        Stale("zoo", "fake/0.png", "vanished"),
        Stale("zoo", "fake/1.png", "changed"),
        Stale("zoo", "fake/2.png", "changed"),
        Stale("zoo", "real/3.png", "vanished"),
    ]
