"""The cache of copies is bounded: what was used longest ago goes first, and nothing that is in use goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from unmask.core.atomic_files import create_folder
from unmask.core.buckets.local_cache import LocalCache, evict, hold_folder, pin_store
from unmask.core.buckets.mirrored import fetch_files
from unmask.core.buckets.opening import open_work_folder
from unmask.core.checksums import CheckedFiles, find_damage, write_checksums
from unmask.core.errors import NoSpace, UsageError

MB = 1_000_000


def write_shard(path: Path, *, used_s: float, size: int = MB) -> Path:
    with create_folder(path) as folder:
        (folder / "zarr.json").write_text("{}")
        (folder / "faces").write_bytes(bytes(size))
        write_checksums(folder)
    os.utime(path, (used_s, used_s))
    return path


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Three of 1 MB in one cache, the first one used last."""
    store = tmp_path / "copy/media/abc"
    return [write_shard(store / f"shard-{number}.zarr", used_s=100 - number) for number in range(3)]


def list_whole(shards: list[Path]) -> list[int]:
    return [number for number, shard in enumerate(shards) if (shard / "faces").is_file()]


def test_the_one_that_was_used_longest_ago_goes_first_and_its_head_stays(shards, tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_CACHE_GB", "0.0035")
    LocalCache(tmp_path).make_room(MB, "shards")
    assert list_whole(shards) == [0, 1]
    assert sorted(path.name for path in shards[2].iterdir()) == ["checksums.json", "zarr.json"]


def test_nothing_goes_within_the_limit(shards, tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_CACHE_GB", "0.0045")
    LocalCache(tmp_path).make_room(MB, "shards")
    assert list_whole(shards) == [0, 1, 2]


def test_a_shard_that_is_read_stays(shards):
    with hold_folder(shards[0]):
        assert evict(shards[0]) == 0
    assert evict(shards[0]) == MB


PINNING = """
import sys
from pathlib import Path
from unmask.core.buckets.local_cache import pin_store
pin_store(Path(sys.argv[1]))
print("pinned", flush=True)
sys.stdin.read()
"""


def test_a_store_that_another_process_has_mapped_stays_until_it_ends(shards):
    store = shards[0].parent
    (store / "spec.json").write_text("{}")
    command = [sys.executable, "-c", PINNING, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "pinned\n"
        assert evict(shards[0]) == 0
        process.communicate("")
    assert evict(shards[0]) == MB


def test_more_than_the_limit_is_refused_with_the_figures(shards, tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_CACHE_GB", "0.002")
    (shards[0].parent / "spec.json").write_text("{}")
    pin_store(shards[0].parent)
    with pytest.raises(NoSpace) as refused:
        LocalCache(tmp_path).make_room(20 * MB, "s3://team/work")
    assert "0.02 GB more of s3://team/work" in refused.value.problem
    assert "UNMASK_CACHE_GB" in refused.value.hint


def test_a_limit_that_is_no_number_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_CACHE_GB", "much")
    with pytest.raises(UsageError, match="UNMASK_CACHE_GB=much"):
        LocalCache(tmp_path).make_room(1, "anything")


def test_work_larger_than_the_cache_goes_through_it(bucket: str, monkeypatch):
    work = open_work_folder(bucket)
    monkeypatch.setenv("UNMASK_CACHE_GB", "0.0025")
    shards = [write_shard(work / f"media/abc/shard-{number}.zarr", used_s=number) for number in range(6)]
    assert len(list_whole(shards)) <= 3
    for _ in range(2):
        for shard in shards:
            files = CheckedFiles(shard, "again")
            with files.keep():
                files.check(["faces"])
                assert (shard / "faces").stat().st_size == MB
    assert len(list_whole(shards)) <= 2
    for shard in shards:
        fetch_files(shard, ["faces"])
        assert not find_damage(shard)
