"""Run measurements one after the other, each in a process of its own, and store every result as soon as it is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.goals.facts import Busyness, hash_package, hash_sources, read_commit
from benchmarks.goals.goal import Measurement
from benchmarks.goals.results import RESULTS, ROOT, Machine, Result, find_results, identify, store_result

PATIENCE, SHORTEST_LIMIT_S = 10, 900
"""A measurement may take ten times as long as said, and a quarter of an hour in any case."""
QUICK_MINUTES = 2.0
Say = Callable[[str], None]


def select_todo(
    measurements: Iterable[Measurement], results: Sequence[Result], machine: Machine, *, again: bool, missing: bool
) -> list[Measurement]:
    """Those without a good result of this machine, this benchmark and this code.

    `again`: all of them. `missing`: a result of other code counts too, as long as the benchmark has not changed.
    """
    if again:
        return list(measurements)
    code = None if missing else hash_package()
    return [one for one in measurements if not _is_done(find_results(results, one.name), machine, code)]


def _is_done(results: Iterable[Result], machine: Machine, code: str | None) -> bool:
    return any(
        identify(one.machine) == identify(machine)
        and not one.error
        and not one.reason
        and is_current(one)
        and code in (None, one.code)
        for one in results
    )


def is_current(result: Result) -> bool:
    """Is the benchmark what it was when this was measured?"""
    return hash_sources(result.sources) == result.benchmark


def run_all(
    todo: Sequence[Measurement], environment: Mapping[str, str], *, store: Path = RESULTS, say: Say = print
) -> list[Result]:
    """Measure each and store it; `environment`: variables that are set for the benchmarks."""
    results = []
    for number, measurement in enumerate(todo, start=1):
        say(f"{number} of {len(todo)}: {measurement.name}, about {measurement.minutes:g} min")
        result = measure(measurement, environment)
        store_result(result, store)
        results.append(result)
        told = result.error or result.reason or "done"
        busy = f"; other processes used {result.others:.1f} cores" if result.others >= 0.1 else ""
        say(f"    {told} in {result.seconds:.0f} s{busy}")
    return results


def measure(measurement: Measurement, environment: Mapping[str, str]) -> Result:
    """Never raises for what the benchmark does: a failure is a result."""
    commit, code, before = read_commit(), hash_package(), Busyness.now()
    found, seconds = _run_in_process(measurement, environment)
    return Result(
        measurement=measurement.name,
        machine=found["machine"],
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit,
        code=code,
        benchmark=hash_sources(found["sources"]),
        sources=tuple(found["sources"]),
        seconds=round(seconds, 1),
        others=round(before.count_others(), 2),
        figures=found["figures"],
        error=found["error"],
        reason=found["reason"],
    )


def _run_in_process(measurement: Measurement, environment: Mapping[str, str]) -> tuple[dict[str, Any], float]:
    limit = max(SHORTEST_LIMIT_S, measurement.minutes * 60 * PATIENCE)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.goals.child", measurement.function, str(out)]
        began = time.monotonic()
        ended = run_command(command, environment, limit)
        seconds = time.monotonic() - began
        if out.is_file():
            found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
            return found, seconds
    return {"figures": {}, "error": ended, "reason": "", "sources": [], "machine": ask_machine()}, seconds


def run_command(command: Sequence[str], environment: Mapping[str, str], limit_s: float) -> str:
    """How it ended, in words. Its processes are ended with it, also when this one is interrupted."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        code = process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return f"took longer than {limit_s / 60:.0f} min"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def ask_machine() -> Machine:
    """The facts of this machine, by a process that loads torch in our place where there is a GPU."""
    program = "import json; from benchmarks.goals.facts import describe_machine; print(json.dumps(describe_machine()))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    machine: Machine = json.loads(done.stdout.splitlines()[-1])
    return machine
