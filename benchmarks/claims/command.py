"""`python -m benchmarks claims`: train the systems on the problems, print the table or write it into the document."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.claims.cells import Cell, Results, run_cells
from benchmarks.claims.problems import PROBLEMS
from benchmarks.claims.systems import PROBE, make_config
from benchmarks.claims.table import describe_problem
from unmask.core.atomic_files import write_text
from unmask.core.errors import UsageError
from unmask.core.suggestions import suggest
from unmask.train.presets import parse_variants

EPOCHS, SEEDS = 10, 5
DOCUMENT = Path(__file__).parents[2] / "docs" / "claims.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def main(arguments: Sequence[str]) -> str:
    """The tables of what was asked for. `UsageError` for a problem, system or setting that there is not."""
    given = _parse(arguments)
    logging.getLogger("unmask").setLevel(logging.ERROR)
    torch.set_num_threads(given.threads)
    cells: list[Cell] = []
    try:
        measure(given, cells)
    except KeyboardInterrupt:
        print("stopped; the same command goes on with the next cell", file=sys.stderr)
    shown = PROBLEMS if given.document else dict.fromkeys(cell.problem for cell in cells)
    text = "\n\n".join(describe_problem(name, cells) for name in shown) + "\n"
    if given.document:
        write_text(DOCUMENT, put_table(DOCUMENT.read_text(encoding="utf-8"), text))
    return text


def measure(given: argparse.Namespace, cells: list[Cell]) -> None:
    """Append the wanted cells to `cells`, a seed of all problems before the next seed."""
    results, more = Results(given.out), parse_variants(given.variant)
    problems = given.problem or list(PROBLEMS)
    for name in problems:
        if name not in PROBLEMS:
            raise UsageError(f"no problem {name!r}", f"{suggest(name, PROBLEMS)}problems: {', '.join(PROBLEMS)}")
    for system in given.systems:
        make_config(system, 0, given.epochs, more)
    for seed in given.seeds:
        for name in problems:
            problem = PROBLEMS[name]
            systems = [*dict.fromkeys([PROBE, *(given.systems or problem.systems), *more])]
            for size in given.sizes or problem.sizes:
                found = run_cells(name, size, seed, systems, results, epochs=given.epochs, more=more)
                cells += found
                spent = sum(cell.seconds for cell in found)
                print(f"{name}, {size:,} items, seed {seed}: {len(found)} cells, {spent:.0f} s", file=sys.stderr)


def put_table(document: str, table: str) -> str:
    """`document` with the `table` between its markers."""
    before, _, rest = document.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise UsageError(f"{DOCUMENT}: no {BEGIN} and {END}", "git checkout docs/claims.md")
    return f"{before}{BEGIN}\n{table}{END}{after}"


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks claims", description=__doc__)
    parser.add_argument("--problem", action="append", metavar="NAME", help=f"default: all of {', '.join(PROBLEMS)}")
    parser.add_argument("--sizes", type=_numbers, metavar="300,1000", help="items to train and validate on")
    parser.add_argument("--seeds", type=_numbers, default=list(range(SEEDS)), metavar="0-4")
    parser.add_argument("--systems", type=_names, default=[], metavar="full,early", help="default: the problem's own")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME:train.lr=1e-4", help="a further system")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("work/claims.jsonl"), help="finished cells; kept and reused")
    parser.add_argument("--document", action="store_true", help="write the table into docs/claims.md")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    """ "0-2,7" is 0, 1, 2, 7."""
    numbers: list[int] = []
    for part in text.split(","):
        if not (match := re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())):
            raise argparse.ArgumentTypeError(f"{part!r} is neither a number nor a range")
        numbers += range(int(match[1]), int(match[2] or match[1]) + 1)
    return numbers


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
