"""Kill -9 at random times of a run over 200 items: after resuming, all files equal those of an undisturbed run.

make campaigns                    twenty kills
UNMASK_KILLS=4 make campaigns     fewer, as in CI; UNMASK_SEED=7 for other moments
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from odd_sounds import RATE, tone
from PIL import Image
from tiny_media import manifest_of, numbered_video

from unmask.core.atomic_files import TEMPORARY
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, write_manifest

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1800)]

REPOSITORY = Path(__file__).parents[2]
KILLS = int(os.environ.get("UNMASK_KILLS", "20"))
SEED = int(os.environ.get("UNMASK_SEED", "0"))
# A shard is written in a few hundredths of a second: every third kill waits for a write, or hardly any would hit one.
WHILE_WRITING = 3
WRITING_S = 0.05
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Undisturbed:
    manifest: Manifest
    files: dict[str, bytes]
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Undisturbed:
    manifest = two_hundred_items(tmp_path_factory.mktemp("data"))
    work = new_work(tmp_path_factory.mktemp("undisturbed"), manifest)
    began = time.monotonic()
    finish(work)
    seconds = time.monotonic() - began
    files = contents(work.media)
    assert sum(name.endswith("/checksums.json") for name in files) >= 3, "too few shards to lose one"
    return Undisturbed(manifest, files, seconds)


def two_hundred_items(root: Path) -> Manifest:
    rng = np.random.default_rng(0)
    for number in range(150):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(root / f"{number:03d}.png")
    for number in range(40):
        soundfile.write(root / f"{number:03d}.wav", tone(hz=200 + 10 * number), RATE)
    for number in range(8):
        numbered_video(root / f"{number:03d}.mp4", 30 + number, sound=tone(hz=300 + 10 * number))
    for number in (50, 100):
        (root / f"{number:03d}_broken.mp4").write_text("no video")
    manifest = manifest_of(root)
    assert len(manifest) == 200
    return manifest


def new_work(folder: Path, manifest: Manifest) -> WorkFolder:
    work = WorkFolder(folder)
    write_manifest(work.manifest, manifest)
    return work


def started(work: WorkFolder) -> subprocess.Popen[bytes]:
    """The command of a user, in its own process group."""
    command = [sys.executable, "-m", "unmask", "preprocess", "--work", work.root, "--profile", "tiny", "--quiet"]
    return subprocess.Popen(
        command, cwd=REPOSITORY, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def finish(work: WorkFolder) -> None:
    process = started(work)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told.decode()


def killed(work: WorkFolder, is_time: Callable[[float], bool]) -> bool:
    """Start a run and kill it with all its workers when `is_time(age in seconds)`; False if it ended before."""
    process = started(work)
    began = time.monotonic()
    while process.poll() is None and not is_time(time.monotonic() - began):
        time.sleep(0.001)
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in (0, -signal.SIGKILL), told.decode()
    return running


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def moment(rng: random.Random, kill: int, work: WorkFolder, seconds: float) -> Callable[[float], bool]:
    """A random time of a whole run; at every third kill, shortly after a write began."""
    if kill % WHILE_WRITING:
        at = rng.uniform(0, seconds)
        return lambda age: age >= at
    delay, shards = rng.uniform(0, WRITING_S), rng.randrange(3)

    def is_writing(age: float) -> bool:
        if len(list(work.media.glob("*/shard-*"))) < shards or not any(work.media.glob(f"*/{TEMPORARY}*")):
            return False
        time.sleep(delay)
        return True

    return is_writing


def test_killed_at_random_moments_and_resumed_gives_the_same_bytes(undisturbed, tmp_path):
    rng = random.Random(SEED)
    rounds, kills = 0, 0
    while kills < KILLS:
        work = new_work(tmp_path / f"round{rounds}", undisturbed.manifest)
        while kills < KILLS and killed(work, moment(rng, kills, work, undisturbed.seconds)):
            kills += 1
        finish(work)
        files = contents(work.media)
        assert files.keys() == undisturbed.files.keys(), f"after {kills} kills of seed {SEED}"
        changed = [name for name, content in files.items() if content != undisturbed.files[name]]
        assert not changed, f"after {kills} kills of seed {SEED}"
        shutil.rmtree(work.root)
        rounds += 1
    print(f"{kills} kills in {rounds} rounds of {undisturbed.seconds:.1f} s")
