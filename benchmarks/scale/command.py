"""`python -m benchmarks scale`: seconds per item of every step from a thousand items on; flat, if nothing grows faster.

No media and no network: rows are made up, faces are 32 px, and the encoder takes their mean color. So the figures are
the program's own cost, on top of decoding, detection and encoding. Writes them and the model of a million videos into
docs/scale.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figures
from benchmarks.goals.facts import Busyness, describe_machine, read_commit
from benchmarks.goals.results import ROOT, read_results
from benchmarks.goals.sections import replace_section
from benchmarks.scale.inputs import MACHINES, change_prices, read_values
from benchmarks.scale.measure import Sizes, measure_in_process
from benchmarks.scale.tables import compute_costs, compute_growth, format_measured, format_model, list_steps

ROWS, ITEMS = (1_000, 10_000, 100_000, 1_000_000), (1_000, 20_000, 200_000)
PAGE, MODEL, MEASURED = ROOT / "docs/scale.md", "model", "measured"


def main(arguments: Sequence[str]) -> str:
    given = _make_parser().parse_args(arguments)
    inputs = read_values(read_figures(), dict(given.set))
    model = format_model(inputs, change_prices(MACHINES, dict(given.price)))
    if given.set or given.price:
        return model  # the reader's own, which is not that of the page
    replace_section(given.page, MODEL, model)
    if given.model:
        return model
    before = Busyness.now()
    found = {"rows": measure_sizes("rows", given.rows), "items": measure_sizes("items", given.items)}
    text = format_measured(found, describe_origin(before))
    replace_section(given.page, MEASURED, text)
    return text


def measure_sizes(kind: str, sizes: Sequence[int]) -> dict[int, Sizes]:
    return {size: measure_in_process(kind, size) for size in sizes}


def measure_rows_growth() -> Figures:
    """Of the step whose cost per row grows most."""
    return {"growth": find_growth(measure_sizes("rows", ROWS))}


def measure_items_growth() -> Figures:
    """The same of tiny items; and seconds per item of all steps at the largest size, for the model."""
    found = measure_sizes("items", ITEMS)
    return {
        "growth": find_growth(found),
        "seconds per item": sum(compute_costs(found, step)[-1] for step in list_steps(found)),
    }


def find_growth(found: dict[int, Sizes]) -> float:
    return max(compute_growth(compute_costs(found, step)) for step in list_steps(found))


def read_figures() -> dict[tuple[str, str], tuple[float, str]]:
    """(measurement, figure) -> the newest stored value, and where it is from."""
    found = {}
    for result in sorted(read_results(), key=lambda one: one.date):
        where = result.machine.get("gpu") or result.machine.get("cpu")
        source = f"`make bench ARGS={result.measurement}`, {result.commit}, {where}"
        found |= {(result.measurement, name): (value, source) for name, value in result.figures.items()}
    return found


def describe_origin(before: Busyness) -> str:
    facts, others = describe_machine(), before.count_others()
    machine = f"{facts['cpu']}, {facts['cores']} cores, {facts['memory']}"
    return f"Measured at {read_commit()} on {machine}; other processes used {others:.1f} cores meanwhile."


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=__doc__)
    parser.add_argument("--rows", type=_read_sizes, default=ROWS, help="sizes of the manifest, with commas between")
    parser.add_argument("--items", type=_read_sizes, default=ITEMS, help="numbers of tiny items, with commas between")
    parser.add_argument("--model", action="store_true", help="write the model only, and measure nothing")
    parser.add_argument("--set", type=_read_change, action="append", default=[], metavar="INPUT=VALUE")
    parser.add_argument("--price", type=_read_change, action="append", default=[], metavar="MACHINE=PRICE")
    parser.add_argument("--page", type=Path, default=PAGE, help="document whose sections are written")
    return parser


def _read_sizes(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _read_change(text: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    return name, float(value)
