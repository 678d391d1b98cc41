"""Run the named benchmarks, or all of them, and print one table each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from benchmarks import (
    codecs,
    cost,
    encode,
    gather,
    load,
    near,
    part_passes,
    preprocess,
    projections,
    scan,
    splits,
    stage,
    training,
)

BENCHMARKS: dict[str, Callable[[], str]] = {
    "codecs": codecs.main,
    "cost": cost.main,
    "encode": encode.main,
    "gather": gather.main,
    "load": load.main,
    "near": near.main,
    "part-passes": part_passes.main,
    "preprocess": preprocess.main,
    "projections": projections.main,
    "scan": scan.main,
    "splits": splits.main,
    "stage": stage.main,
    "training": training.main,
}


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        print(f"error: no benchmark {', '.join(unknown)}\nhint: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    print(f"{len(os.sched_getaffinity(0))} cores")
    for name in names or BENCHMARKS:
        print(f"\n{name}\n{BENCHMARKS[name]()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
