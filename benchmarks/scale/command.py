"""`python -m benchmarks scale`: seconds per item of every step from a thousand items on; flat, if nothing grows faster.

No media and no network: rows are made up, faces are 32 px, and the encoder takes their mean color. So the figures are
the program's own cost, on top of decoding, detection and encoding. With --model, --set or --price it prints the model
of a million videos instead. docs/scale.md is written by `make bench ARGS="scale-rows scale-items"`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.goals.results import read_results
from benchmarks.scale.growth import ITEMS, ROWS, measure_sizes
from benchmarks.scale.inputs import MACHINES, change_prices, read_values
from benchmarks.scale.page import read_figures
from benchmarks.scale.tables import format_measured, format_model


def main(arguments: Sequence[str]) -> str:
    given = _make_parser().parse_args(arguments)
    if given.model or given.set or given.price:
        inputs = read_values(read_figures(read_results()), dict(given.set))
        return format_model(inputs, change_prices(MACHINES, dict(given.price)))
    sizes = {"rows": given.rows, "items": given.items}
    return "\n".join(format_measured(kind, measure_sizes(kind, each)) for kind, each in sizes.items())


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=__doc__)
    parser.add_argument("--rows", type=_read_sizes, default=ROWS, help="sizes of the manifest, with commas between")
    parser.add_argument("--items", type=_read_sizes, default=ITEMS, help="numbers of tiny items, with commas between")
    parser.add_argument("--model", action="store_true", help="print the model, and measure nothing")
    parser.add_argument("--set", type=_read_change, action="append", default=[], metavar="INPUT=VALUE")
    parser.add_argument("--price", type=_read_change, action="append", default=[], metavar="MACHINE=PRICE")
    return parser


def _read_sizes(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _read_change(text: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    return name, float(value)
