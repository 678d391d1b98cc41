"""`python -m benchmarks chaos`: disturb every command in every way, and print what was lost."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chaos.shim import compile_shim
from unmask.core.errors import UsageError

INSIDE = "CHAOS_INSIDE"


def main(arguments: Sequence[str]) -> str:
    """The table. `UsageError` without a C compiler, or if a round found something."""
    options = _parse(arguments)
    if INSIDE not in os.environ:
        return _run_with_shim(arguments)
    from benchmarks.chaos.campaign import Campaign
    from benchmarks.chaos.memory_disk import choose_base
    from benchmarks.chaos.table import format_table

    # Not a TemporaryDirectory: copies of this process would remove it when they end.
    base = Path(tempfile.mkdtemp(prefix="chaos-", dir=choose_base())).resolve()
    try:
        campaign = Campaign(base, options.seed, stages=options.stage, faults=options.fault, cold_every=options.cold)
        numbers = [options.round] if options.round is not None else range(options.start, options.start + options.rounds)
        campaign.prepare(_say, numbers)
        until = time.monotonic() + options.seconds if options.seconds else None
        outcomes = []
        for outcome in campaign.run(numbers, until):
            outcomes.append(outcome)
            if not outcome.is_clean or options.verbose:
                _say(str(outcome))
        volatile = campaign.rehearsal.volatile
        _say(f"volatile, compared by name only: {', '.join(sorted(volatile)) or 'none'}")
    finally:
        shutil.rmtree(base, ignore_errors=True)
    table = format_table(outcomes, options.seed)
    if not all(outcome.is_clean or outcome.known for outcome in outcomes):
        print(table)
        raise UsageError("some rounds found something", f"see above; one again: --seed {options.seed} --round N")
    return table


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run_with_shim(arguments: Sequence[str]) -> str:
    """Run this command in a process in which the shim is preloaded."""
    with tempfile.TemporaryDirectory(prefix="chaos-shim-") as name:
        try:
            library = compile_shim(Path(name))
        except RuntimeError as error:
            raise UsageError(f"the shim is not compiled: {error}", "install a C compiler") from error
        # One thread per process: a copy of a process has none of its OpenMP threads, and would wait for them for ever.
        single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        environment = os.environ | single | {"LD_PRELOAD": str(library), INSIDE: "1", "PYTHONHASHSEED": "0"}
        command = [sys.executable, "-m", "benchmarks", "chaos", *arguments]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        print(done.stdout, end="")
        raise SystemExit(done.returncode)
    return done.stdout


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0, help="number of the first round")
    parser.add_argument("--seconds", type=float, help="begin no round later than this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--round", type=int, help="only this one, again")
    parser.add_argument("--stage", action="append", default=[], help="only this stage (repeatable)")
    parser.add_argument("--fault", action="append", default=[], help="only this fault (repeatable)")
    parser.add_argument("--cold", type=int, default=0, help="start every so manyth round as a new program")
    parser.add_argument("--verbose", action="store_true", help="print every round")
    return parser.parse_args(arguments)
