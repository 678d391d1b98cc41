"""One process per size: seconds of each step, and the most memory that it took."""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.scale.made_work import PROFILE, make_manifest, write_media
from benchmarks.scale.sizes import Sizes
from unmask.cache.stage import extract, open_tokens
from unmask.cache.store.verification import verify
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, read_manifest, write_manifest
from unmask.manifests.splits.schemes import resplit
from unmask.train.data.token_data import TokenData

WARM_UP = 100
REPEATS = 3
"""Of a thousand rows some steps take milliseconds."""


def measure_in_process(kind: str, items: int) -> Sizes:
    """`kind`: "rows" or "items"."""
    command = [sys.executable, "-m", "benchmarks.scale.measure", kind, str(items)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: Sizes = json.loads(done.stdout)
    return found


def measure_rows(count: int, work: WorkFolder) -> Sizes:
    """The manifest alone: it has a row per file, whatever the files hold. Of each step the best time of REPEATS."""
    taken = [_measure_rows_once(count, work) for _ in range(REPEATS)]
    return {step: min(one[step] for one in taken) for step in taken[0]}


def _measure_rows_once(count: int, work: WorkFolder) -> Sizes:
    seconds: Sizes = {}
    manifest = _time(seconds, "make rows", lambda: make_manifest(count))
    split = _time(seconds, "split by identity", lambda: resplit(manifest, "grouped", 0))
    _time(seconds, "write manifest", lambda: write_manifest(work.manifest, split))
    found = _time(seconds, "read manifest", lambda: read_manifest(work.manifest))
    assert _time(seconds, "walk through rows", lambda: sum(1 for _ in found.rows())) == count
    return seconds


def measure_items(count: int, work: WorkFolder) -> Sizes:
    """Media shards, tokens of an encoder that costs nothing, and what reads them."""
    seconds: Sizes = {}
    manifest = resplit(make_manifest(count), "grouped", 0)
    write_manifest(work.manifest, manifest)
    seconds["shards"] = _time(seconds, "write media shards", lambda: write_media(manifest, work))
    _time(seconds, "extract", lambda: _extract(manifest, work))
    _time(seconds, "extract again, all there", lambda: _extract(manifest, work))
    assert not _time(seconds, "verify", lambda: verify(work))
    data = _time(seconds, "open tokens, join with manifest", lambda: _open(manifest, work))
    assert len(data.clips) == count
    return seconds


def _extract(manifest: Manifest, work: WorkFolder) -> None:
    (report,) = extract(manifest, PROFILE, work, device=torch.device("cpu"))
    assert report.done + report.skipped == len(manifest)


def _open(manifest: Manifest, work: WorkFolder) -> TokenData:
    return TokenData.load(manifest, open_tokens(work, manifest))


def _time(seconds: Sizes, step: str, run: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = run()
    seconds[step] = time.perf_counter() - began
    return result


if __name__ == "__main__":
    logging.getLogger("unmask").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        step = {"rows": measure_rows, "items": measure_items}[sys.argv[1]]
        step(WARM_UP, WorkFolder(Path(folder) / "warm-up"))  # loads the libraries
        figures = step(int(sys.argv[2]), WorkFolder(Path(folder) / "work"))
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures))
