"""`python -m benchmarks scale`: seconds per item of every step from a thousand items on; flat, if nothing grows faster.

No media and no network: rows are made up, faces are 32 px, and the encoder takes their mean color. So the figures are
the program's own cost, on top of decoding, detection and encoding.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.scale.measure import Sizes, measure_in_process

ROWS, ITEMS = (10_000, 100_000, 1_000_000), (2_000, 20_000, 200_000)


def main(arguments: Sequence[str]) -> str:
    given = _make_parser().parse_args(arguments)
    tables = []
    for kind, sizes in (("rows", given.rows), ("items", given.items)):
        found = {size: measure_in_process(kind, size) for size in sizes}
        tables.append(format_table(found))
    return "\n".join(tables)


def format_table(found: dict[int, Sizes]) -> str:
    """Microseconds per item of each step, one column per size, and how much the largest takes of the smallest's."""
    sizes = sorted(found)
    lines = [f"{'microseconds per item':34}" + "".join(f"{size:>14,}" for size in sizes) + f"{'growth':>10}"]
    for step in found[sizes[0]]:
        if step in ("shards", "peak_mb"):
            continue
        costs = [found[size][step] / size * 1e6 for size in sizes]
        lines.append(f"{step:34}" + "".join(f"{cost:14.1f}" for cost in costs) + f"{costs[-1] / costs[0]:10.2f}")
    lines.append(f"{'most memory, MB':34}" + "".join(f"{found[size]['peak_mb']:14,.0f}" for size in sizes))
    if "shards" in found[sizes[0]]:
        lines.append(f"{'shards':34}" + "".join(f"{found[size]['shards']:14,}" for size in sizes))
    return "\n".join(lines) + "\n"


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=__doc__)
    parser.add_argument("--rows", type=_read_sizes, default=ROWS, help="sizes of the manifest, with commas between")
    parser.add_argument("--items", type=_read_sizes, default=ITEMS, help="numbers of tiny items, with commas between")
    return parser


def _read_sizes(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
