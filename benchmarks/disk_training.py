"""Training on tokens that stay on the disk, relative to the same training on tokens in memory.

Two figures: with the tokens in the operating system's cache of files, and with none of them there, as in every epoch on
tokens of many times the memory. Random tokens; the rates are those of the machine's temporary folder (TMPDIR).
"""

from __future__ import annotations

import gc
import logging
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.figures import Figures
from benchmarks.scale.made_work import PROFILE, make_manifest
from benchmarks.tokens import make_store
from unmask.cache.store.profile_index import ProfileTokens
from unmask.cache.store.token_store import TokenStore
from unmask.manifests.splits.schemes import resplit
from unmask.preprocess.shards.shard_plan import hash_media_settings
from unmask.train.config import TrainConfig
from unmask.train.data.token_data import TokenData
from unmask.train.fit import _train_epoch
from unmask.train.monitor.live_table import Board
from unmask.train.optim.distributed import World
from unmask.train.presets import make_preset
from unmask.train.run_setup import Setup, prepare

CLIPS, PER_SHARD, ROUNDS = 6_000, 256, 3
SHORTEST, LONGEST = 16, 80  # tokens per clip
WAYS = ("memory", "disk, cached", "disk, not cached")
AIM = 0.8


def main() -> str:
    figures = measure()
    lines = [f"tokens on {way}: {figure:.2f} of the step rate in memory (aim {AIM})" for way, figure in figures.items()]
    return "\n".join(lines)


def measure(clips: int = CLIPS, rounds: int = ROUNDS) -> Figures:
    logging.getLogger("unmask").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lengths = np.random.default_rng(0).integers(SHORTEST, LONGEST + 1, clips)
        make_store(folder / "tokens", lengths, PER_SHARD)
        setup = prepare(_open(folder, clips), _make_config(), folder / "run", World(_device()), resume=False)
        assert all(stream.held is not None for stream in setup.data.streams.values()), "too little memory to compare"
        _train(setup)  # loads what the first steps load
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                seconds[way].append(_time_epoch(setup, folder, clips, way))
    medians = {way: statistics.median(taken) for way, taken in seconds.items()}
    return {way: medians["memory"] / medians[way] for way in WAYS[1:]}


def _make_config() -> TrainConfig:
    return make_preset("full").changed({"size": "small", "epochs": 1})


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _open(folder: Path, clips: int) -> TokenData:
    manifest = resplit(make_manifest(clips), "grouped", 0)
    store = TokenStore(folder / "tokens")
    media = hash_media_settings(PROFILE.preprocess)
    return TokenData.load(manifest, ProfileTokens(PROFILE, media, list(store.shards), {"bench": store}))


def _time_epoch(setup: Setup, folder: Path, clips: int, way: str) -> float:
    if way != "memory":
        # A store of its own: the kernel drops no page that a process has mapped.
        setup = replace(setup, data=_open(folder, clips))
        gc.collect()
        if way == "disk, not cached":
            _drop_cache(folder / "tokens")
    began = time.perf_counter()
    _train(setup)
    return time.perf_counter() - began


def _train(setup: Setup) -> None:
    _train_epoch(setup, 1, Board("bench", 1, setup.steps, 0))
    if setup.world.device.type == "cuda":
        torch.cuda.synchronize()


def _drop_cache(folder: Path) -> None:
    """Ask the kernel to forget the files; it does so for what is on the disk and not mapped."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
