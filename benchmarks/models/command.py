"""`python -m benchmarks models`: measure what is missing, then print and write the table."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.models.measure import Line, measure_split
from benchmarks.models.plan import Plan, parse_plan
from benchmarks.models.table import write_tables
from unmask.core.atomic_files import write_text


def main(arguments: Sequence[str]) -> str:
    """The tables as Markdown, which are also written beside `--out`."""
    plan = parse_plan(arguments)
    began, lines = time.monotonic(), list[Line]()
    splits = [(work, seed) for work in plan.works for seed in plan.split_seeds]
    for number, found in enumerate(_measure(plan, splits), start=1):
        lines += found
        minutes = (time.monotonic() - began) / 60
        print(f"{number} of {len(splits)} splits, {minutes:.1f} minutes", file=sys.stderr, flush=True)
    text = write_tables(lines, base=plan.base)
    write_text(plan.out.with_suffix(".md"), text)
    return text


def _measure(plan: Plan, splits: Sequence[tuple[Path, int]]) -> Iterator[list[Line]]:
    if plan.jobs == 1:
        yield from (measure_split(plan, *split) for split in splits)
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(plan.jobs, mp_context=context) as pool:
        works, seeds = zip(*splits, strict=True)
        yield from pool.map(measure_split, [plan] * len(splits), works, seeds)
