"""A scan in parts is merged to the bytes of one scan, and two writers of the manifest are kept apart."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unmask.api import Work
from unmask.core.errors import MissingInput, UsageError
from unmask.core.file_lock import Held
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest_lock import hold_audit, hold_manifest
from unmask.merging import merge_parts

TABLES = ("manifest.parquet", "probes.parquet", "findings.parquet")


@pytest.fixture(scope="module")
def data(demo_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo corpus with two files that cannot be read: they fail in their part, and stay failed."""
    root = tmp_path_factory.mktemp("data") / "corpus"
    shutil.copytree(demo_corpus, root, symlinks=True)
    for path in sorted(root.rglob("*.mp4"))[:1] + sorted(root.rglob("*.jpg"))[:1]:
        path.write_bytes(f"nothing of {path.name}".encode())
    return root


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole")
    Work(root).scan(data, split="grouped", seed=3, workers=1, max_failures=1)
    return root


def scan_part(root: Path, data: Path, part: str, **options: object) -> Work:
    work = Work(root)
    work.scan(data, **{"split": "grouped", "seed": 3, "workers": 1, "max_failures": 1, "shard": part, **options})
    return work


def refuse_profile() -> None:
    raise AssertionError("no stage needs a profile yet")


def tables(root: Path) -> dict[str, bytes]:
    return {name: (root / name).read_bytes() for name in TABLES}


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_parts_on_three_machines_merge_to_the_bytes_of_one_scan(data, whole, tmp_path, order):
    works = [scan_part(tmp_path / str(number), data, f"{number}/3") for number in order]
    first, *others = [work.folder for work in works]
    (report,) = merge_parts(works[0], others, refuse_profile, 1)
    assert report.failed
    assert report.done == 0, "every header was read by a part"
    assert tables(first.root) == tables(whole)


def test_parts_in_one_folder_merge_to_the_same_bytes_and_are_merged_once(data, whole, tmp_path):
    for number in (2, 1, 3):
        scan_part(tmp_path, data, f"{number}/3")
    work = Work(tmp_path)
    merge_parts(work, [], refuse_profile, 1)
    assert tables(tmp_path) == tables(whole)
    work.split("grouped", seed=4)
    split = tables(tmp_path)
    assert merge_parts(work, [], refuse_profile, 1) == []
    assert tables(tmp_path) == split
    assert not work.folder.media.exists(), "no plan of shards that nobody preprocessed"
    scan_part(tmp_path, data, "2/3")
    merge_parts(work, [], refuse_profile, 1)
    assert tables(tmp_path) == tables(whole)


def test_a_file_that_came_later_is_probed_by_the_merge(data, tmp_path):
    source = shutil.copytree(data, tmp_path / "corpus", symlinks=True)
    late = sorted(source.rglob("*.jpg"))[-1]
    content = late.read_bytes()
    late.unlink()
    for number in (1, 2):
        scan_part(tmp_path / "work", source, f"{number}/2")
    late.write_bytes(content)
    (report,) = merge_parts(Work(tmp_path / "work"), [], refuse_profile, 1)
    assert report.done == 1


def test_a_missing_part_and_other_options_are_told(data, tmp_path):
    work = scan_part(tmp_path, data, "1/3")
    scan_part(tmp_path, data, "3/3")
    with pytest.raises(MissingInput, match="part 2/3 of the scan is not finished"):
        merge_parts(work, [], refuse_profile, 1)
    scan_part(tmp_path, data, "2/3", seed=4)
    with pytest.raises(UsageError, match="seed is 3 in part 1/3, 4 in 2/3"):
        merge_parts(work, [], refuse_profile, 1)
    scan_part(tmp_path, data, "2/4")
    with pytest.raises(UsageError, match="parts of several scans"):
        merge_parts(work, [], refuse_profile, 1)


def test_scan_split_and_audit_are_refused_beside_a_scan_and_told_which(data, whole, tmp_path):
    root = tmp_path / "work"
    shutil.copytree(whole, root)
    before = tables(root)
    with hold_manifest(WorkFolder(root)):
        for arguments in (["scan", str(data)], ["split", "grouped"], ["audit"], ["scan", str(data), "--shard", "1/2"]):
            command = [sys.executable, "-m", "unmask", *arguments, "--work", str(root)]
            found = subprocess.run(command, capture_output=True, text=True, check=False)
            assert found.returncode == 2, found.stderr
            assert f"already running in {root}: process " in found.stderr
    assert tables(root) == before


def test_an_audit_keeps_the_manifest_as_it_is(whole, tmp_path):
    root = tmp_path / "work"
    shutil.copytree(whole, root)
    with hold_audit(WorkFolder(root)), pytest.raises(Held):
        Work(root).split("grouped")
    assert tables(root) == tables(whole)


def test_a_part_that_was_damaged_is_refused(data, tmp_path):
    work = scan_part(tmp_path, data, "1/2")
    about = tmp_path / "scan-parts/1-of-2.json"
    about.write_text(about.read_text().replace('"seed": 3', '"seed": 2'))
    with pytest.raises(MissingInput, match="damaged"):
        merge_parts(work, [], refuse_profile, 1)
