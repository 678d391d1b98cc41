"""docs/benchmarks.md and the rows of README, made from the goals and the stored results alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.goals.goal import Goal, Measurement
from benchmarks.goals.results import IDENTITY, Machine, Result, find_results, identify
from benchmarks.goals.run import is_current
from benchmarks.goals.verdict import KINDS, Verdict, judge

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TABLE = ("| what | figure | goal | verdict | measured | command |", "|---|---|---|---|---|---|")
OUTDATED = " (the benchmark has changed since)"
BUSY_CORES = 0.25

HEAD = Path(__file__).with_name("head.md").read_text(encoding="utf-8")


def format_page(measurements: Sequence[Measurement], results: Sequence[Result]) -> str:
    machines = _list_machines(results)
    rows = [row for one in measurements for row in _make_rows(one, results, machines)]
    counts = Counter(verdict.kind for _, _, verdict, _ in rows)
    lines = [HEAD, ", ".join(f"**{counts[kind]} {kind}**" for kind in KINDS), ""]
    for topic in dict.fromkeys(one.topic for one in measurements):
        lines += [f"## {topic}", "", *TABLE]
        lines += [
            f"| {goal.what} | {verdict.figure or '-'} | {goal.goal} | {_emphasize(verdict)} | {where} "
            f"| `make bench ARGS={measurement.name}` |"
            for measurement, goal, verdict, where in rows
            if measurement.topic == topic
        ]
        lines.append("")
    return "\n".join([*lines, *_format_machines(machines)])


def format_headlines(measurements: Sequence[Measurement], results: Sequence[Result]) -> str:
    """The rows for README, of goals that are headlines and have a figure."""
    machines = _list_machines(results)
    rows = [
        f"| {goal.what} | {verdict.figure} | {goal.goal} | {_emphasize(verdict)} |"
        for one in measurements
        for _, goal, verdict, _ in _make_rows(one, results, machines)
        if goal.headline and verdict.figure
    ]
    return "\n".join(["| what | figure | goal | verdict |", "|---|---|---|---|", *rows]) + "\n"


def _make_rows(
    measurement: Measurement, results: Sequence[Result], machines: dict[tuple[str, ...], Machine]
) -> list[tuple[Measurement, Goal, Verdict, str]]:
    """A row per goal and machine with a result, or one without any."""
    found: list[Result | None] = [*find_results(results, measurement.name)] or [None]
    return [
        (measurement, goal, judge(measurement, goal, one), _format_origin(one, machines))
        for goal in measurement.goals
        for one in found
    ]


def _format_origin(result: Result | None, machines: dict[tuple[str, ...], Machine]) -> str:
    if result is None:
        return "-"
    letter = LETTERS[list(machines).index(identify(result.machine)) % len(LETTERS)]
    busy = f", other processes used {result.others:.1f} cores" if result.others >= BUSY_CORES else ""
    changed = "" if is_current(result) else OUTDATED
    return f"{letter}, {result.date[:10]}, {result.commit}{busy}{changed}"


def _emphasize(verdict: Verdict) -> str:
    text = verdict.text.replace("|", "\\|")
    return f"**{text}**" if verdict.kind in ("not met", "failed") else text


def _list_machines(results: Iterable[Result]) -> dict[tuple[str, ...], Machine]:
    """Newest facts of each machine; the letters are in the order of their first use in the file."""
    machines: dict[tuple[str, ...], Machine] = {}
    dates: dict[tuple[str, ...], str] = {}
    for one in results:
        key = identify(one.machine)
        if key not in machines or one.date > dates[key]:
            machines[key], dates[key] = one.machine, one.date
    return machines


def _format_machines(machines: dict[tuple[str, ...], Machine]) -> list[str]:
    lines = ["## Machines", ""]
    if not machines:
        return [*lines, "None yet.", ""]
    for letter, machine in zip(LETTERS, machines.values(), strict=False):
        gpu = machine.get("gpu") or "no GPU"
        versions = ", ".join(f"{name} {value}" for name, value in sorted(machine.items()) if name not in IDENTITY)
        about = f"{machine.get('cpu')}, {machine.get('cores')} cores, {machine.get('memory')}, {gpu}"
        lines.append(f"- **{letter}**: {about}; {versions}")
    return [*lines, ""]
