"""Run the named benchmarks, or all timings, and print one table each. Comparisons take options: see their --help."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from benchmarks import (
    adaptation,
    checking,
    codecs,
    cost,
    detection,
    disk_training,
    encode,
    gather,
    layers,
    load,
    memory,
    mouth,
    near,
    opening,
    part_passes,
    predict_cost,
    preprocess,
    projections,
    scan,
    splits,
    stage,
    training,
)
from benchmarks.abstention import command as abstention
from benchmarks.chaos import command as chaos
from benchmarks.claims import command as claims
from benchmarks.explanation import command as explanation
from benchmarks.goals import command as goals
from benchmarks.models import command as models
from benchmarks.scale import command as scale
from benchmarks.sync import command as sync
from unmask.core.errors import UnmaskError

BENCHMARKS: dict[str, Callable[[], str]] = {
    "adaptation": adaptation.main,
    "checking": checking.main,
    "codecs": codecs.main,
    "cost": cost.main,
    "detection": detection.main,
    "disk-training": disk_training.main,
    "encode": encode.main,
    "gather": gather.main,
    "layers": layers.main,
    "load": load.main,
    "memory": memory.main,
    "mouth": mouth.main,
    "near": near.main,
    "opening": opening.main,
    "part-passes": part_passes.main,
    "predict-cost": predict_cost.main,
    "preprocess": preprocess.main,
    "projections": projections.main,
    "scan": scan.main,
    "splits": splits.main,
    "stage": stage.main,
    "training": training.main,
}
# They take options of their own, and run only when they are named.
COMPARISONS: dict[str, Callable[[Sequence[str]], str]] = {
    "abstention": abstention.main,
    "chaos": chaos.main,
    "claims": claims.main,
    "explanation": explanation.main,
    "goals": goals.main,
    "models": models.main,
    "scale": scale.main,
    "sync": sync.main,
}


def main(names: list[str]) -> int:
    if names and names[0] in COMPARISONS:
        try:
            print(COMPARISONS[names[0]](names[1:]), end="")
        except UnmaskError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        return 0
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        print(
            f"error: no benchmark {', '.join(unknown)}\nhint: {', '.join([*BENCHMARKS, *COMPARISONS])}", file=sys.stderr
        )
        return 2
    print(f"{len(os.sched_getaffinity(0))} cores")
    for name in names or BENCHMARKS:
        print(f"\n{name}\n{BENCHMARKS[name]()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
