"""The result of a comparison in words."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.evaluation.compare.paired_items import PairedItems
from unmask.evaluation.compare.results import LEVEL, MetricDifference, RowDifference, find_decisive
from unmask.evaluation.results import MACRO, MACRO_LARGE, POOLED, Outcome
from unmask.metrics import binary

MEANS = {MACRO: "macro ", MACRO_LARGE: "macro 5+ ", POOLED: "pooled "}


def decide_outcome(difference: MetricDifference) -> Outcome:
    if difference.difference is None:
        return "not comparable"
    if not difference.is_shown:
        return "not shown"
    metric = next(one for one in binary.METRICS if one.name == difference.metric)
    return "better" if (difference.difference > 0) != metric.lower_is_better else "worse"


def describe_run(run: str, base: str, rows: Sequence[RowDifference], compared: int) -> tuple[Outcome, str]:
    """Better, worse or not shown, by the AUC of the decisive row; `compared`: runs that p is corrected for."""
    row = find_decisive(rows)
    metric = binary.METRICS[0]
    found = row.get(metric.name)
    outcome = decide_outcome(found)
    if found.difference is None:
        return outcome, f"{run} cannot be compared with {base}: no dataset has both classes."
    correction = f" after Holm's correction for {compared} runs" if compared > 1 else ""
    span = f", 95 % interval {found.interval[0]:+.3f} to {found.interval[1]:+.3f}" if found.interval else ""
    p = "" if found.corrected is None else f", p {format_p(found.corrected)}{correction}"
    name = f"{MEANS.get(row.name, '')}{metric.title}"
    figures = f"{name} {found.run:.3f} against {found.base:.3f} ({found.difference:+.3f}{span}{p})"
    if outcome in ("better", "worse"):
        return outcome, f"{run} is {outcome} than {base}: {figures}."
    if found.interval is None:
        return outcome, f"{run} is not shown to differ from {base}: {figures}; fewer than three groups per class."
    return outcome, f"{run} is not shown to differ from {base}: {figures}."


def format_p(value: float | None) -> str:
    if value is None:
        return "n/a"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def write_notes(paired: PairedItems, groups: int, resamples: int) -> tuple[str, ...]:
    """How the figures were made, and what to be careful about."""
    base, compared = paired.runs[0], len(paired.runs) - 1
    notes = []
    if any(paired.left_out):
        lost = [f"{count} of {run.name}" for run, count in zip(paired.runs, paired.left_out, strict=True) if count]
        notes.append(f"Only the {len(paired)} items that all runs scored are compared; left out: {', '.join(lost)}.")
    notes.append(
        f"Intervals and p resample {groups} groups of linked files {resamples:,} times, the same draws for every run. "
        "DeLong's test takes files as independent: with several files per group its intervals are too narrow."
    )
    if compared > 1:
        notes.append(
            f"*: the interval leaves out 0 and p, by Holm's correction for {compared} runs, is at most {LEVEL}. "
            "Rows and metrics are not corrected for each other: name the one that decides before you look."
        )
    else:
        notes.append(f"*: the interval leaves out 0 and p is at most {LEVEL}.")
    if compared * 2 / (resamples + 1) > LEVEL:
        notes.append(f"{resamples:,} resamples cannot show a difference among {compared} runs: compare fewer at once.")
    notes.append("These are differences of trained models: `unmask ablate` compares presets over seeds.")
    others = [run.name for run in paired.runs[1:] if run.evaluation.split_hash != base.evaluation.split_hash]
    if others:
        notes.append(f"Trained on another split than {base.name}: {', '.join(others)}.")
    if base.split != "test":
        notes.append(
            f"Biased: threshold and checkpoint were chosen on {base.split} items. Do not report these results."
        )
    leaks = dict.fromkeys(note for run in paired.runs for note in run.evaluation.notes if "LEAKS" in note)
    return (*notes, *leaks)
