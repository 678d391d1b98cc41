"""The two sections of docs/scale.md, made from the inputs of the model and the stored results alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.goals.results import ROOT, Result, find_results
from benchmarks.goals.sections import replace_section
from benchmarks.scale.inputs import MACHINES, read_values
from benchmarks.scale.sizes import unpack_sizes
from benchmarks.scale.tables import format_measured, format_model

PAGE, MODEL, MEASURED = ROOT / "docs/scale.md", "model", "measured"
KINDS = {"rows": "scale-rows", "items": "scale-items"}
"""Kind of work -> its measurement."""


def write_sections(results: Sequence[Result], path: Path = PAGE) -> None:
    replace_section(path, MODEL, format_model(read_values(read_figures(results)), MACHINES))
    replace_section(path, MEASURED, format_stored(results))


def format_stored(results: Sequence[Result]) -> str:
    """A table per kind of work, of its newest result with figures."""
    tables = []
    for kind, measurement in KINDS.items():
        stored = next((one for one in find_results(results, measurement) if one.figures), None)
        if stored is None:
            tables.append(f"Not measured yet: `make bench ARGS={measurement}`.\n")
        else:
            tables.append(f"{_describe_origin(stored)}\n\n{format_measured(kind, unpack_sizes(stored.figures))}")
    return "\n".join(tables)


def _describe_origin(result: Result) -> str:
    machine = ", ".join((result.machine["cpu"], f"{result.machine['cores']} cores", result.machine["memory"]))
    about = f"`make bench ARGS={result.measurement}`, {result.date[:10]}, {result.commit}, on {machine}"
    return f"{about}; other processes used {result.others:.1f} cores meanwhile."


def read_figures(results: Sequence[Result]) -> dict[tuple[str, str], tuple[float, str]]:
    """(measurement, figure) -> the newest stored value, and where it is from."""
    found: dict[tuple[str, str], tuple[float, str]] = {}
    for result in sorted(results, key=lambda one: one.date):
        where = result.machine.get("gpu") or result.machine.get("cpu")
        source = f"`make bench ARGS={result.measurement}`, {result.commit}, {where}"
        found |= {(result.measurement, name): (value, source) for name, value in result.figures.items()}
    return found
