"""Opening a token store of 5,000 shards and joining its million clips with their manifest: seconds and memory.

python -m benchmarks opening                   the table
python -m benchmarks.opening FOLDER            opens what was made there, in a process that has made nothing itself
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.figures import Figures
from benchmarks.scale.made_work import PROFILE, make_manifest
from benchmarks.tokens import make_store
from unmask.cache.store.profile_index import ProfileTokens
from unmask.cache.store.token_store import TokenStore
from unmask.manifests.manifest import read_manifest, write_manifest
from unmask.manifests.splits.schemes import resplit
from unmask.preprocess.shards.shard_plan import hash_media_settings
from unmask.train.data.token_data import TokenData

CLIPS, SHARDS = 1_000_000, 5_000
WIDTH = 8
"""Of the tokens, one per clip: opening reads offsets and names, and maps the rest whatever its size."""
KIB_PER_GB = 1e6 / 1.024


def main() -> str:
    found = measure()
    return f"{SHARDS:,} shards, {CLIPS:,} clips: {found['seconds']:.1f} s, {found['gb']:.2f} GB (aims 10 s, 2 GB)"


def measure(clips: int = CLIPS, shards: int = SHARDS) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_manifest(folder / "manifest.parquet", resplit(make_manifest(clips), "grouped", 0))
        make_store(folder / "tokens", np.ones(clips, np.int64), clips // shards, WIDTH)
        command = [sys.executable, "-m", "benchmarks.opening", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def open_made(folder: Path) -> Figures:
    """Seconds of opening and joining, without reading the manifest; the most memory of all of it."""
    manifest = read_manifest(folder / "manifest.parquet")
    began = time.perf_counter()
    store = TokenStore(folder / "tokens")
    tokens = ProfileTokens(PROFILE, hash_media_settings(PROFILE.preprocess), list(store.shards), {"bench": store})
    data = TokenData.load(manifest, tokens)
    seconds = time.perf_counter() - began
    assert len(data.clips) == len(manifest)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"seconds": seconds, "gb": int(status["VmHWM"].split()[0]) / KIB_PER_GB}


if __name__ == "__main__":
    print(json.dumps(open_made(Path(sys.argv[1]))))
