"""Ray itself, where it is installed: every stage on a cluster of this machine, with a worker killed in the middle."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from unmask.api import Work
from unmask.core.engines.choice import open_engine
from unmask.core.processes.identity import identify_machine
from unmask.core.sharing.lock_holders import read_holders
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.shards import shard_plan

# Ray starts in 5 s on an idle machine, and in a minute on a busy one.
pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra: pip install 'unmask[ray]'"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty pictures and twenty sounds, one of each broken."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for label in ("real", "fake"):
        (root / label).mkdir()
        for number in range(15):
            Image.fromarray(rng.integers(0, 255, (96, 96, 3), np.uint8)).save(root / label / f"{number:02}.png")
        for number in range(10):
            soundfile.write(root / label / f"{number:02}.wav", rng.normal(0, 0.1, 32_000), 16_000)
    (root / "real/07.png").write_text("no picture")
    (root / "fake/07.wav").write_text("no sound")
    return root


def run_stages(root: Path, data: Path, **engine: str) -> list[tuple[object, ...]]:
    """Every stage in `root`; what they report. What a killed worker had finished counts as skipped."""
    work = Work(root)
    tables = [
        work.scan(data, max_failures=1, workers=2, **engine).reports,
        work.preprocess("tiny", max_failures=1, workers=2, **engine),
        work.extract(max_failures=1, device="cpu", **engine),
    ]
    return [(one.stage, one.given, one.done + one.skipped, one.failed) for table in tables for one in table]


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and "locks" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@contextmanager
def kill_holders(work: WorkFolder, count: int) -> Iterator[list[int]]:
    """Kill the first `count` processes that hold the claim of a shard."""
    killed: list[int] = []
    is_over = threading.Event()

    def kill() -> None:
        while not is_over.is_set() and len(killed) < count:
            for path in work.locks.glob("claims/*/*"):
                for holder in read_holders(path):
                    if holder.pid not in (os.getpid(), *killed) and holder.machine == identify_machine():
                        os.kill(holder.pid, signal.SIGKILL)
                        killed.append(holder.pid)
            time.sleep(0.01)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        is_over.set()
        thread.join()


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_plan, "ITEMS_PER_SHARD", 6)


def test_every_stage_gives_the_same_bytes_though_workers_are_killed(data: Path, tmp_path: Path):
    home, temporary = set(Path.home().iterdir()), set(Path("/tmp").iterdir())
    reports = run_stages(tmp_path / "local", data)
    root = tmp_path / ("a deep folder " * 6) / "ray"
    # One start for all stages, which join it.
    with open_engine("ray", None, WorkFolder(root), cpus=2), kill_holders(WorkFolder(root), 3) as killed:
        assert run_stages(root, data, engine="ray") == reports
    assert len(killed) == 3
    assert contents(root) == contents(tmp_path / "local")
    assert not (root / "tmp").exists()
    assert not list(root.rglob(".tmp*"))
    assert set(Path.home().iterdir()) == home
    assert not {path for path in set(Path("/tmp").iterdir()) - temporary if "ray" in path.name}
