"""`python -m benchmarks explanation`: is the half of a clip that was replaced by a fake named by its explanation?

Of a trained run of a work folder, or of the media that UNMASK_CORPUS names, on which `full` is then trained first.
Clips are mixed from the tokens of test files, and files from their media, which `predict` then judges.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.explanation.measure import WAYS, Named, measure_pairs
from benchmarks.explanation.media import measure_media
from benchmarks.explanation.table import format_table
from unmask.api import Work
from unmask.core.errors import UsageError
from unmask.evaluation.open_run import OpenRun, open_run
from unmask.manifests.manifest import read_manifest

CPU = torch.device("cpu")


def main(arguments: Sequence[str]) -> str:
    given = _make_parser().parse_args(arguments)
    logging.getLogger("unmask").setLevel(logging.ERROR)
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as temporary:
        opened = _open(Work(given.work) if given.work else _prepare(Path(temporary)), given.run)
        ways = tuple(WAYS) if given.compare else ("shapley",)
        found: dict[str, list[Named]] = {"tokens": list(measure_pairs(opened, given.split, ways))}
        if given.media:
            found["files"] = list(measure_media(opened, given.split, given.media))
    title = f"{opened.run.name}, {given.split} split: share of clips whose faked half is named; 95 % over groups"
    text = format_table(found, title)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text, encoding="utf-8")
    return text


def _open(work: Work, name: str | None) -> OpenRun:
    return open_run(work.run(name).folder, work.folder, read_manifest(work.folder.manifest), CPU)


def _prepare(folder: Path) -> Work:
    """`full`, trained on UNMASK_CORPUS and on the folder beside it whose name ends in 2."""
    corpus = os.environ.get("UNMASK_CORPUS")
    if not corpus:
        raise UsageError("no media: set UNMASK_CORPUS", "or give --work, a work folder with a trained run")
    beside = Path(corpus).with_name(f"{Path(corpus).name}2")
    work = Work(folder)
    work.scan([corpus, *([beside] if beside.is_dir() else [])])
    work.preprocess(profile="offline")
    work.extract()
    work.train("full", device="cpu")
    return work


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks explanation", description=__doc__)
    parser.add_argument("--work", type=Path, metavar="DIR", help="work folder with a trained run")
    parser.add_argument("--run", metavar="NAME", help="of the work folder (default: the newest)")
    parser.add_argument("--split", default="test", choices=("val", "test"), help="of the files (default: test)")
    parser.add_argument("--media", type=int, default=20, help="pairs of files per modality; 0: none (default: 20)")
    parser.add_argument("--compare", action="store_true", help="also integrated gradients")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the table as Markdown")
    return parser
