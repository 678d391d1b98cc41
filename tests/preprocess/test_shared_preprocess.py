"""Several processes preprocess one folder: each shard is made once, and all end with the whole result."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_media import manifest_of

from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, write_manifest
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards import shard_plan
from unmask.preprocess.shards.media_locks import claim_shards
from unmask.preprocess.shards.shard_plan import get_media_folder, read_plan
from unmask.preprocess.stage import Limits, preprocess

SETTINGS = tiny().preprocess

RUN = """
import json, sys
from pathlib import Path
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import read_manifest
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards import shard_plan
from unmask.preprocess.stage import Limits, preprocess

if __name__ == "__main__":
    shard_plan.ITEMS_PER_SHARD = 3
    work = WorkFolder(Path(sys.argv[1]))
    print("begun", flush=True)
    report = preprocess(read_manifest(work.manifest), tiny().preprocess, work, Limits(workers=1))
    print(json.dumps(report.as_json()))
"""


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shard_plan, "ITEMS_PER_SHARD", 3)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Thirty images, one of them broken: ten shards."""
    root, rng = tmp_path / "files", np.random.default_rng(0)
    root.mkdir()
    for number in range(30):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(root / f"{number:02}.png")
    (root / "07.png").write_text("text")
    return manifest_of(root)


def start(work: WorkFolder) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", RUN, work.root], stdout=subprocess.PIPE, text=True)


def contents(work: WorkFolder) -> dict[str, bytes]:
    return {str(path.relative_to(work.media)): path.read_bytes() for path in work.media.rglob("*") if path.is_file()}


def test_two_calls_on_one_folder_share_the_shards(manifest, tmp_path):
    alone, shared = WorkFolder(tmp_path / "alone"), WorkFolder(tmp_path / "shared")
    preprocess(manifest, SETTINGS, alone, Limits(workers=1))
    write_manifest(shared.manifest, manifest)
    processes = [start(shared), start(shared)]
    reports = [json.loads(process.communicate(timeout=300)[0].splitlines()[-1]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [(report["given"], report["failed"]) for report in reports] == [(30, 1), (30, 1)]
    assert sum(report["done"] for report in reports) == 29, "every item was made by one of them"
    assert contents(shared) == contents(alone)
    assert not list(shared.locks.glob("claims/*/*"))


def test_the_shards_of_a_killed_process_are_taken_over(manifest, tmp_path):
    alone, shared = WorkFolder(tmp_path / "alone"), WorkFolder(tmp_path / "shared")
    preprocess(manifest, SETTINGS, alone, Limits(workers=1))
    write_manifest(shared.manifest, manifest)
    process = start(shared)
    while not list(shared.media.glob("*/shard-*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    report = preprocess(manifest, SETTINGS, shared, Limits(workers=1))
    assert report.done + report.skipped == 29
    assert contents(shared) == contents(alone)


def test_a_shard_that_is_made_meanwhile_elsewhere_counts_as_skipped(manifest, tmp_path):
    """The other process is a claim, held until its shard lies there."""
    alone, shared = WorkFolder(tmp_path / "alone"), WorkFolder(tmp_path / "shared")
    preprocess(manifest, SETTINGS, alone, Limits(workers=1))
    write_manifest(shared.manifest, manifest)
    folder = get_media_folder(shared, SETTINGS)
    last = read_plan(get_media_folder(alone, SETTINGS))[-1].name
    with claim_shards(shared, folder).hold(last):
        process = start(shared)
        while len(list(folder.glob("shard-*"))) < 9:
            assert process.poll() is None
            time.sleep(0.02)
        shutil.copytree(get_media_folder(alone, SETTINGS) / last, folder / last)
    report = json.loads(process.communicate(timeout=300)[0].splitlines()[-1])
    assert (report["done"], report["skipped"], report["failed"]) == (26, 3, 1)
    assert contents(shared) == contents(alone)
