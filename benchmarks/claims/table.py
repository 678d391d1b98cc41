"""The table of the claims: mean AUC and 95 % interval over seeds, differences paired by seed, and a sentence each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from benchmarks.claims.cells import Cell
from benchmarks.claims.problems import PROBLEMS, Problem
from benchmarks.claims.systems import CHOSEN, PROBE

Measure = Callable[[Cell], float | None]
Aucs = dict[tuple[str, int], dict[int, float]]
"""(system, size) -> seed -> AUC."""


def describe_problem(name: str, cells: Iterable[Cell]) -> str:
    """Markdown: heading, sentence, one row per system, and what the differences say."""
    problem, cells = PROBLEMS[name], [cell for cell in cells if cell.problem == name]
    cells += choose_by_validation(cells, problem.choice)
    systems = list(dict.fromkeys(cell.system for cell in cells))
    sizes = sorted({cell.size for cell in cells})
    lines = [f"### {problem.title} (`{name}`)", "", problem.about, ""]
    if not cells:
        return "\n".join([*lines, "Not measured."])
    lines += _make_table(systems, sizes, cells, bool(problem.hidden))
    lines += ["", *_answer(problem, systems, sizes, cells)]
    return "\n".join(lines)


def _make_table(systems: Sequence[str], sizes: Sequence[int], cells: Sequence[Cell], hides: bool) -> list[str]:
    whole = collect(cells, lambda cell: cell.auc)
    hidden = collect(cells, lambda cell: cell.hidden_auc) if hides else {}
    heads = [head for size in sizes for head in (f"{size:,} items", *(["hidden"] if hides else []), "- probe")]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for system in systems:
        row = []
        for size in sizes:
            row.append(show_mean(list(whole.get((system, size), {}).values())))
            row += [show_mean(list(hidden.get((system, size), {}).values()))] if hides else []
            row.append("" if system == PROBE else show_mean(subtract(whole, system, PROBE, size), signed=True))
        lines.append(f"| {system} | {' | '.join(row)} |")
    return lines


def _answer(problem: Problem, systems: Sequence[str], sizes: Sequence[int], cells: Sequence[Cell]) -> list[str]:
    """A sentence per question whose two systems were measured."""
    whole = collect(cells, lambda cell: cell.auc)
    lines = []
    for system, other in problem.questions:
        if {system, other} <= set(systems):
            found = {size: subtract(whole, system, other, size) for size in sizes}
            lines.append(f"- `{system}` against `{other}`: {'; '.join(_judge(d, s) for s, d in found.items() if d)}.")
    if problem.hidden:
        hidden = collect(cells, lambda cell: cell.hidden_auc)
        for system in systems:
            lost = {size: _pair(hidden.get((system, size), {}), whole.get((system, size), {})) for size in sizes}
            said = "; ".join(f"{show_mean(d, signed=True)} at {s:,}" for s, d in lost.items() if d)
            lines.append(f"- `{system}`, hidden minus whole: {said}.")
    return lines


def choose_by_validation(cells: Iterable[Cell], names: Sequence[str]) -> list[Cell]:
    """Per size and seed the cell of the highest validation AUC, as CHOSEN, where all of `names` were measured."""
    found: dict[tuple[int, int], list[Cell]] = {}
    for cell in cells:
        if cell.system in names and cell.validation_auc is not None:
            found.setdefault((cell.size, cell.seed), []).append(cell)
    complete = [several for several in found.values() if len(several) == len(names)]
    return [replace(max(several, key=lambda cell: cell.validation_auc or 0.0), system=CHOSEN) for several in complete]


def collect(cells: Iterable[Cell], measure: Measure) -> Aucs:
    found: Aucs = {}
    for cell in cells:
        value = measure(cell)
        if value is not None:
            found.setdefault((cell.system, cell.size), {})[cell.seed] = value
    return found


def subtract(aucs: Aucs, system: str, other: str, size: int) -> list[float]:
    """Differences of the seeds that both have."""
    return _pair(aucs.get((system, size), {}), aucs.get((other, size), {}))


def _pair(one: dict[int, float], other: dict[int, float]) -> list[float]:
    return [one[seed] - other[seed] for seed in sorted(one.keys() & other.keys())]


def _judge(differences: Sequence[float], size: int) -> str:
    shown = f"{show_mean(differences, signed=True)} at {size:,}"
    half = compute_half_width(differences)
    if half is None:
        return f"{shown} (one seed)"
    mean = float(np.mean(differences))
    if abs(mean) <= half:
        return f"{shown} (not shown to differ)"
    return f"{shown} ({'better' if mean > 0 else 'worse'})"


def show_mean(values: Sequence[float], *, signed: bool = False) -> str:
    """For example ".912 ± .014", or ".912" of one seed; "" of none."""
    if not values:
        return ""
    half = compute_half_width(values)
    mean = _shorten(f"{np.mean(values):+.3f}" if signed else f"{np.mean(values):.3f}")
    return mean if half is None else f"{mean} ± {_shorten(f'{half:.3f}')}"


def compute_half_width(values: Sequence[float]) -> float | None:
    """Half of the 95 % t interval of the mean; None of one value."""
    if len(values) < 2:
        return None
    return float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def _shorten(number: str) -> str:
    return number.replace("0.", ".", 1) if number.lstrip("+-").startswith("0.") else number
