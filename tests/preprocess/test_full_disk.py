"""A full disk ends the run with a clear error; finished shards are complete, and the run resumes with more space."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_media import manifest_of

from unmask.core.atomic_files import TEMPORARY
from unmask.core.errors import NoSpace, UnmaskError
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards import shard_plan as plan
from unmask.preprocess.shards.media_shard import shard_is_whole
from unmask.preprocess.shards.shard_plan import get_media_folder
from unmask.preprocess.stage import Limits, preprocess

SETTINGS = tiny().preprocess
DISK = 8 << 20
PAGE = 4096
"""A disk in memory gives its files whole pages."""
LOCKS = 2 * PAGE
"""What the locks of the folder and of the shard that is written say of their holder."""


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(plan, "ITEMS_PER_SHARD", 8)


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """An empty disk of 8 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", path], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount a small disk in memory: run the tests as root, or under `unshare -rm`")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)  # a kept traceback may hold a file of it


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Manifest:
    """Forty pictures of noise, which no codec makes smaller: five shards of about the same size."""
    root = tmp_path_factory.mktemp("full_disk")
    rng = np.random.default_rng(0)
    for number in range(40):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(root / f"{number:02d}.png")
    return manifest_of(root)


@pytest.fixture(scope="module")
def undisturbed(manifest, tmp_path_factory) -> WorkFolder:
    work = WorkFolder(tmp_path_factory.mktemp("undisturbed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "ITEMS_PER_SHARD", 8)
        preprocess(manifest, SETTINGS, work, Limits(workers=2))
    return work


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pages(*parts: Path) -> int:
    files = [file for part in parts for file in ([part] if part.is_file() else part.rglob("*")) if file.is_file()]
    return sum(-(-file.stat().st_size // PAGE) * PAGE for file in files)


def fill_but(disk: Path, room: int) -> Path:
    """A file that leaves `room` bytes of the disk."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_bsize - room)
    return ballast


@pytest.mark.parametrize(
    ("finished", "room"),
    [(0, "nothing"), (0, "half a shard"), (2, "two shards and a half"), (5, "all shards, but not the outcomes")],
)
def test_a_full_disk_keeps_what_is_finished_and_freed_space_lets_the_run_go_on(
    manifest, undisturbed, disk, finished, room
):
    expected = get_media_folder(undisturbed, SETTINGS)
    shards, planned = sorted(expected.glob("shard-*")), pages(expected / plan.FILE)
    sizes = {
        "nothing": 0,
        "half a shard": planned + pages(shards[0]) // 2,
        "two shards and a half": planned + pages(*shards) * 5 // 10,
        "all shards, but not the outcomes": planned + pages(*shards) + LOCKS,
    }
    work = WorkFolder(disk / "work")
    folder = get_media_folder(work, SETTINGS)
    ballast = fill_but(disk, sizes[room])

    with pytest.raises(NoSpace, match="no space left") as caught:
        preprocess(manifest, SETTINGS, work, Limits(workers=2))
    assert isinstance(caught.value, UnmaskError)
    assert str(folder) in caught.value.problem
    assert "free some space" in caught.value.hint
    kept = sorted(folder.glob("shard-*"))
    assert len(kept) == finished
    assert all(shard_is_whole(path) for path in kept)
    assert not list(folder.glob(f"{TEMPORARY}*")), "what could not be finished takes space"

    ballast.unlink()
    before = {path.name: path.stat().st_mtime_ns for path in kept}
    report = preprocess(manifest, SETTINGS, work, Limits(workers=2))
    assert (report.done, report.skipped, report.failed) == (40 - 8 * finished, 8 * finished, {})
    assert all((folder / name).stat().st_mtime_ns == when for name, when in before.items())
    assert contents(folder) == contents(expected)
