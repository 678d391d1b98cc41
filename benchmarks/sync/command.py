"""`python -m benchmarks sync`: is audio that was moved told from audio that was not, on videos that were left out?

Of a work folder with mouth crops, or of the media that UNMASK_CORPUS names, which are then preprocessed first.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from benchmarks.models.plan import parse_seeds
from benchmarks.sync import positions
from benchmarks.sync.measure import WAYS, Curve, measure_fold
from benchmarks.sync.models import SplitFigures, measure_split
from benchmarks.sync.sets import assign_folds, leave_one_video_out, list_folds, read_talkers
from benchmarks.sync.table import format_models, format_table
from unmask.api import Work
from unmask.cache.profile_choice import read_stored_profile
from unmask.cache.sync.settings import SyncSettings
from unmask.core.errors import UsageError
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import read_manifest, write_manifest
from unmask.preprocess.encoder_names import TWO_SIDED
from unmask.preprocess.profiles import MOUTH_FPS, Profile

CPU = torch.device("cpu")
VIDEOS = "videos"
Result = TypeVar("Result")


def main(arguments: Sequence[str]) -> str:
    given = _make_parser().parse_args(arguments)
    logging.getLogger("unmask").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as temporary:
        work = WorkFolder(given.work.absolute()) if given.work else _prepare(Path(temporary))
        profile = read_stored_profile(work)
        if profile is None or not profile.preprocess.mouth_fps:
            raise UsageError(f"{work.root}: has no mouth crops", "unmask preprocess --set preprocess.mouth_fps=25")
        if given.models:
            return _compare_models(work, profile, given)
        talkers = read_talkers(work, profile.preprocess)
    fold_of = leave_one_video_out(talkers) if given.folds == VIDEOS else assign_folds(talkers, given.folds)
    folds = list_folds(fold_of)
    settings = SyncSettings(steps=given.steps, seed=given.seed)
    if given.positions:
        ways = [partial(positions.measure_fold, talkers, fold_of, fold, settings) for fold in folds]
        return positions.format_ways([one for found in _run(ways, given) for one in found])
    asked = {"device": CPU, "ways": given.ways}
    tasks = [partial(measure_fold, talkers, fold_of, fold, settings, **asked) for fold in folds[: given.first]]
    return _measure(tasks, len(folds), settings, given)


def _measure(
    tasks: Sequence[Callable[[], list[Curve]]], folds: int, settings: SyncSettings, given: argparse.Namespace
) -> str:
    """The table over the first of `folds` folds; after each of them --out has what is known so far."""
    held = "genuine sources, each left out once" if given.folds == VIDEOS else "folds by source"
    text, curves = "", []
    for done, found in enumerate(_run(tasks, given), start=1):
        curves += found
        part = "" if done == folds else f"{done} in random order of "
        text = format_table(curves, folds=f"{part}{folds} {held}", settings=settings)
        if given.out:
            _write(given.out, [vars_of(curve) for curve in curves], text)
    return text


def vars_of(curve: Curve) -> dict[str, object]:
    return {
        "way": curve.way,
        "set": curve.set,
        "group": curve.group,
        "dataset": curve.dataset,
        "values": [None if np.isnan(value) else round(float(value), 5) for value in curve.values],
    }


def _run(tasks: Sequence[Callable[[], Result]], given: argparse.Namespace) -> Iterator[Result]:
    """The result of each task, in order, in processes of their own."""
    with ProcessPoolExecutor(given.jobs, get_context("spawn"), torch.set_num_threads, (given.threads,)) as pool:
        for future in [pool.submit(task) for task in tasks]:
            yield future.result()


def _compare_models(work: WorkFolder, profile: Profile, given: argparse.Namespace) -> str:
    """`full` with and without the sync encoder on the work folder's tokens."""
    others = [one for one in profile.encoders if one.name not in TWO_SIDED]
    plain = profile.model_copy(update={"encoders": tuple(others)})
    settings = SyncSettings(steps=given.steps, seed=given.seed)
    figures: list[SplitFigures] = []
    for found in _run(
        [partial(measure_split, work, plain, seed, settings) for seed in parse_seeds(given.split_seeds)], given
    ):
        figures += found
        print(*found, sep="\n", file=sys.stderr, flush=True)
    text = format_models(figures)
    if given.out:
        _write(given.out, [asdict(one) for one in figures], text)
    return text


def _write(path: Path, values: object, text: str) -> None:
    """`values` as JSON, and the table beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")
    path.with_suffix(".md").write_text(text, encoding="utf-8")


def _prepare(folder: Path) -> WorkFolder:
    """Videos of UNMASK_CORPUS, and of the folder beside it whose name ends in 2, with mouth crops."""
    corpus = os.environ.get("UNMASK_CORPUS")
    if not corpus:
        raise UsageError("no media: set UNMASK_CORPUS", "or give --work, a work folder with mouth crops")
    beside = Path(corpus).with_name(f"{Path(corpus).name}2")
    work = Work(folder)
    work.scan([corpus, *([beside] if beside.is_dir() else [])])
    manifest = read_manifest(work.folder.manifest)
    videos = [kind == "video" for kind in manifest.table.column("kind").to_pylist()]
    write_manifest(work.folder.manifest, replace(manifest, table=manifest.table.filter(videos)))
    work.preprocess(profile="offline", settings={"preprocess.mouth_fps": MOUTH_FPS})
    return work.folder


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks sync", description=__doc__)
    parser.add_argument("--work", type=Path, metavar="DIR", help="work folder with mouth crops")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON; the table beside it ends in .md")
    parser.add_argument(
        "--folds",
        type=lambda text: text if text == VIDEOS else int(text),
        default=10,
        help="by source, 0 for one per source; 'videos': leave one genuine video out (default: 10)",
    )
    parser.add_argument("--first", type=int, metavar="N", help="only the first N folds, whose order is random")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="default: both")
    parser.add_argument("--steps", type=int, default=SyncSettings().steps, help="of learning")
    parser.add_argument("--seed", type=int, default=0, help="of learning")
    parser.add_argument("--models", action="store_true", help="compare `full` with and without it instead")
    parser.add_argument("--positions", action="store_true", help="compare ways to know time instead")
    parser.add_argument("--split-seeds", default="0-7", help="with --models: one grouped split each (default: 0-7)")
    parser.add_argument("--threads", type=int, default=1, help="per process (default: 1)")
    parser.add_argument("--jobs", type=int, default=1, help="processes, one fold each at a time (default: 1)")
    return parser
