"""`make bench`: measure what has no figure of this machine and this code yet, and write docs/benchmarks.md.

The tables of docs/scale.md and the headline figures of README are written from the same results.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.goals.goal import NEEDS, Measurement, Need
from benchmarks.goals.page import format_headlines, format_page
from benchmarks.goals.registry import MEASUREMENTS
from benchmarks.goals.results import RESULTS, ROOT, Machine, Result, read_results
from benchmarks.goals.run import QUICK_MINUTES, ask_machine, run_all, select_todo
from benchmarks.goals.sections import has_section, replace_section
from benchmarks.goals.work_folder import prepare_work
from benchmarks.scale.page import write_sections
from unmask.core.atomic_files import write_text
from unmask.core.errors import ItemsFailed, MissingInput, UsageError
from unmask.core.suggestions import suggest

PAGE, README, HEADLINES = ROOT / "docs/benchmarks.md", ROOT / "README.md", "speed goals"


def main(arguments: Sequence[str], measurements: Sequence[Measurement] = MEASUREMENTS, store: Path = RESULTS) -> str:
    """What is printed at the end. `ItemsFailed` if a measurement failed."""
    given = _make_parser().parse_args(arguments)
    if given.list:
        return format_list(measurements)
    failures: list[str] = []
    try:
        if not given.page:
            failures = _measure(measurements, given, store)
    finally:  # what was measured before an interruption counts
        if store == RESULTS:
            write_documents(measurements, read_results(store))
    if failures:
        raise ItemsFailed(f"{len(failures)} failed: {'; '.join(failures)}", "the same command tries them again")
    return f"{PAGE.relative_to(ROOT)} and docs/scale.md are written\n" if store == RESULTS else ""


def write_documents(measurements: Sequence[Measurement], results: Sequence[Result]) -> None:
    write_text(PAGE, format_page(measurements, results))
    write_sections(results)
    if has_section(README, HEADLINES):
        replace_section(README, HEADLINES, format_headlines(measurements, results))


def _measure(measurements: Sequence[Measurement], given: argparse.Namespace, store: Path) -> list[str]:
    """What failed."""
    chosen, machine = choose(measurements, given.names, quick=given.quick), ask_machine()
    able = [one for one in chosen if not list_missing(one, machine)]
    for one in chosen:
        if missing := list_missing(one, machine):
            _say(f"not measured: {one.name} needs {', '.join(NEEDS[need] for need in missing)}")
    todo = select_todo(able, read_results(store), machine, again=given.again, missing=given.missing)
    _say(f"{len(todo)} to measure, about {sum(one.minutes for one in todo):.0f} min on two quiet cores")
    results = run_all([one for one in todo if "work" not in one.needs], {}, store=store, say=_say)
    failures = []
    if on_work := [one for one in todo if "work" in one.needs]:
        try:
            results += run_all(on_work, {"UNMASK_WORK": str(prepare_work(_say))}, store=store, say=_say)
        except MissingInput as error:
            failures.append(str(error))
    return [f"{one.measurement}: {one.error}" for one in results if one.error] + failures


def choose(measurements: Sequence[Measurement], names: Sequence[str], *, quick: bool) -> list[Measurement]:
    """In the order of the registry. `UsageError` for a name that is none."""
    known = {one.name: one for one in measurements}
    if unknown := sorted(set(names) - known.keys()):
        hint = f"{suggest(unknown[0], known)}make bench ARGS=--list; tables of benchmarks: python -m benchmarks NAME"
        raise UsageError(f"no measurement {unknown[0]}", hint)
    chosen = [one for one in measurements if not names or one.name in names]
    return [one for one in chosen if one.minutes <= QUICK_MINUTES] if quick else chosen


def list_missing(measurement: Measurement, machine: Machine) -> list[Need]:
    """What it needs and is not there."""
    corpus = bool(os.environ.get("UNMASK_CORPUS"))
    there = {"corpus": corpus, "work": corpus or bool(os.environ.get("UNMASK_WORK")), "gpu": bool(machine.get("gpu"))}
    return [need for need in measurement.needs if not there[need]]


def format_list(measurements: Sequence[Measurement]) -> str:
    lines = [f"{'name':20} {'minutes':>8}  needs"]
    for one in measurements:
        lines.append(f"{one.name:20} {one.minutes:8g}  {', '.join(one.needs) or '-'}")
        lines += [f"{'':20} {'':8}    {goal.what}: {goal.goal}" for goal in one.goals]
    return "\n".join(lines) + "\n"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="measurements (default: all)")
    parser.add_argument("--quick", action="store_true", help=f"those of {QUICK_MINUTES:g} minutes at most")
    parser.add_argument("--missing", action="store_true", help="figures of earlier code count too")
    parser.add_argument("--again", action="store_true", help="measure anew what has a figure")
    parser.add_argument("--list", action="store_true", help="print names, minutes, needs and goals")
    parser.add_argument("--page", action="store_true", help="write the page again, without measuring")
    return parser
