"""Paired differences of every row of an ablation to its base, over the same items and seeds.

The seeds' differences are averaged, then bootstrapped over the groups of the items: interval and p say what other test
files would change. What other seeds would change is the standard deviation over the seeds beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from unmask.core.errors import UsageError
from unmask.evaluation.ablation.ablation_table import COMPARED, AblationRow
from unmask.evaluation.compare.differences import correct_metric, draw_metrics, make_panel, subtract
from unmask.evaluation.compare.paired_items import load_scored_run, pair_items
from unmask.evaluation.compare.results import MetricDifference
from unmask.evaluation.results import Evaluation
from unmask.metrics import binary


def choose_base(presets: Sequence[str], base: str | None) -> str:
    """`base`, else `linear`, else the first row; `UsageError` for a name that is no row."""
    if base is not None and base not in presets:
        raise UsageError(f"--base {base}: not compared here", f"--base with one of: {', '.join(presets)}")
    return base or ("linear" if "linear" in presets else presets[0])


def add_differences(
    rows: Sequence[AblationRow], base: str, evaluated: Mapping[str, Sequence[Evaluation]], runs: Path, *, seed: int = 0
) -> tuple[AblationRow, ...]:
    """`rows` with their differences to the row `base`; those that score other items have none.

    `evaluated`: the evaluations of each row, one per seed, in the same order of seeds. `seed` of the bootstrap.
    """
    chosen = next(row for row in rows if row.preset == base)
    others = [row for row in rows if row is not chosen and _can_be_paired(row, chosen)]
    if not others:
        return tuple(rows)
    names = [base, *(row.preset for row in others)]
    scored = [load_scored_run(runs / one.run, one.run, one) for name in names for one in evaluated[name]]
    paired = pair_items(scored)
    panel = make_panel(paired.is_fake, paired.group, paired.dataset, paired.datasets)
    metric, size = binary.METRICS[0], len(chosen.runs)
    drawn = draw_metrics(panel, [run.as_scores() for run in paired.runs], [metric], seed=seed)[metric.name]
    found: dict[str, dict[str, MetricDifference]] = {row.preset: {} for row in others}
    for title, name in COMPARED.items():
        place = next(row for row in panel.rows if row.name == name)
        differences = [
            subtract(drawn, range(at, at + size), range(size), metric.name, panel, place)
            for at in range(size, len(scored), size)
        ]
        for row, one in zip(others, correct_metric(differences), strict=True):
            found[row.preset][title] = one
    return tuple(replace(row, differences=found.get(row.preset, {})) for row in rows)


def _can_be_paired(row: AblationRow, base: AblationRow) -> bool:
    return bool(row.runs) and row.same_items == base.same_items and len(row.runs) == len(base.runs)
