"""`python -m benchmarks abstention`: how often is there no verdict, on files like the training's and on others?

A run of the media that UNMASK_CORPUS names, or of a given work folder, judges its own test files, the same files in
other codecs, media made by code, and the folder beside the corpus whose name ends in 2, of which it has seen nothing.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.abstention.made_media import recode, write_made
from benchmarks.abstention.table import Judged, format_table
from unmask.api import Work
from unmask.core.errors import UsageError
from unmask.manifests.manifest import MediaRow
from unmask.run import Run

log = logging.getLogger("unmask")

Item = TypeVar("Item")


def main(arguments: Sequence[str]) -> str:
    given = _make_parser().parse_args(arguments)
    log.setLevel(logging.ERROR)
    corpus = os.environ.get("UNMASK_CORPUS")
    if not corpus and not given.work:
        raise UsageError("no media: set UNMASK_CORPUS", "or give --work, a work folder with a run")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        work = Work(given.work or folder / "work")
        run = work.run(given.run) if given.work else _train(work, str(corpus), given.seed)
        run.evaluate(device="cpu")
        beside = Path(corpus).with_name(f"{Path(corpus).name}2") if corpus else None
        groups = list(_list_media(work, folder, beside, given))
        files = [str(path) for _, paths in groups for path in paths]
        verdicts = iter(run.predict(files, device="cpu"))
        judged = [Judged(kind, name, [next(verdicts) for _ in paths]) for (kind, name), paths in groups]
    text = format_table(judged)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text, encoding="utf-8")
    return text


def _train(work: Work, corpus: str, seed: int) -> Run:
    work.scan(corpus)
    work.preprocess(profile="offline")
    work.extract()
    return work.train("full", seed=seed)


def _list_media(
    work: Work, folder: Path, beside: Path | None, given: argparse.Namespace
) -> Iterator[tuple[tuple[str, str], list[Path]]]:
    """((in scope, recoded, made or other, name), files)."""
    manifest = work.manifest.manifest
    rows = [row for row in manifest.rows() if row.split == "test" and row.status == "ok"]
    for name in dict.fromkeys(row.dataset for row in rows):
        yield ("test files", name), [manifest.locate(row) for row in _choose(rows, name, given)]
    for kind in ("image", "audio", "video"):
        chosen = _draw([row for row in rows if row.kind == kind], given.count, given.seed)
        recoded = folder / f"recoded-{kind}"
        recoded.mkdir()
        yield ("another codec", kind), list(_recode((manifest.locate(row) for row in chosen), recoded))
    made = folder / "made"
    made.mkdir()
    for name, paths in write_made(made, given.count, given.seed).items():
        yield ("made by code", name), paths
    if beside and beside.is_dir():
        for one in sorted(path for path in beside.iterdir() if path.is_dir()):
            paths = sorted(path for path in one.rglob("*") if path.is_file())
            yield ("dataset left out", one.name), _draw(paths, given.most, given.seed)


def _choose(rows: list[MediaRow], dataset: str, given: argparse.Namespace) -> list[MediaRow]:
    return _draw([row for row in rows if row.dataset == dataset], given.most, given.seed)


def _draw(items: list[Item], count: int, seed: int) -> list[Item]:
    """At most `count`, the same for the same seed, in their order."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(items))[:count])
    return [items[number] for number in chosen.tolist()]


def _recode(paths: Iterator[Path], folder: Path) -> Iterator[Path]:
    for number, path in enumerate(paths):
        place = folder / str(number)
        place.mkdir()
        yield recode(path, place)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks abstention", description=__doc__)
    parser.add_argument("--work", type=Path, metavar="DIR", help="work folder with a run; its evaluation is made anew")
    parser.add_argument("--run", metavar="NAME", help="with --work: the run (default: the newest)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the table as Markdown")
    parser.add_argument("--count", type=int, default=16, help="files made or recoded per kind (default: 16)")
    parser.add_argument("--most", type=int, default=60, help="files per dataset at most (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="of the training and of the files (default: 0)")
    return parser
