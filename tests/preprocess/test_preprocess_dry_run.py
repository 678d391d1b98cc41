"""A dry run estimates the run and writes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from PIL import Image
from spoken_audio import spoken
from tiny_media import manifest_of, numbered_video

from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, from_rows
from unmask.manifests.scan.probe import FIELDS, probe_file, with_probe
from unmask.preprocess.dry_run import estimate
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards import shard_plan as plan
from unmask.preprocess.shards.shard_plan import get_media_folder
from unmask.preprocess.stage import Limits, preprocess

SETTINGS = tiny().preprocess
LIMITS = Limits(workers=2)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(plan, "ITEMS_PER_SHARD", 8)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Manifest:
    """Twenty pictures, six recordings of 1 to 6 s, four films of 1 to 4 s."""
    root = tmp_path_factory.mktemp("estimate") / "files"
    root.mkdir()
    rng = np.random.default_rng(0)
    for number in range(20):
        Image.fromarray(rng.integers(0, 255, (80, 80, 3), np.uint8)).save(root / f"{number:02}.png")
    for number in range(1, 7):
        soundfile.write(root / f"{number}.wav", spoken(0, number, 0), 16_000)
    for number in range(1, 5):
        numbered_video(root / f"{number}.mp4", 25 * number)
    found = manifest_of(root)
    probes = (probe_file(root / row.path, row.kind) for row in found.rows())
    rows = [
        with_probe(row, {name: getattr(probe, name) for name in FIELDS})
        for row, probe in zip(found.rows(), probes, strict=True)
    ]
    return from_rows(rows, found.roots)


def test_the_estimate_is_close_to_the_run_and_writes_nothing(manifest, tmp_path):
    work = WorkFolder(tmp_path / "work")
    expected = estimate(manifest, SETTINGS, work, LIMITS)
    assert not work.root.exists()
    preprocess(manifest, SETTINGS, work, LIMITS)
    folder = get_media_folder(work, SETTINGS)
    size = sum(path.stat().st_size for path in folder.glob("shard-*/**/*") if path.is_file())
    assert (expected.items, expected.finished) == (30, 0)
    assert expected.kinds == {"image": 20, "audio": 6, "video": 4}
    # Exactly: 20 images; 1, 1, 2, 2, 2, 2 clips of 2 s; 1, 1, 2, 2.
    assert expected.clips == pytest.approx(36, abs=3)
    assert expected.bytes == pytest.approx(size, rel=0.25)
    assert expected.seconds > 0


def test_finished_items_are_not_counted_again(manifest, tmp_path):
    work = WorkFolder(tmp_path / "work")
    preprocess(manifest, SETTINGS, work, LIMITS)
    expected = estimate(manifest, SETTINGS, work, LIMITS)
    assert (expected.items, expected.finished, expected.clips, expected.bytes, expected.seconds) == (0, 30, 0, 0, 0.0)
    assert "none" in expected.lines()[1]


def test_a_disk_that_is_too_small_gives_a_warning_before_the_run(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr("unmask.preprocess.dry_run.get_free_bytes", lambda _: 1000)
    lines = estimate(manifest, SETTINGS, WorkFolder(tmp_path), LIMITS).lines()
    assert lines[-1] == "warning: not enough free disk space"
