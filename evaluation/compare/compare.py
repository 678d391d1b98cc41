"""Compare runs with a base on the items that all of them scored."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unmask.core.errors import UsageError
from unmask.evaluation.compare.differences import correct_over_runs, draw_metrics, make_panel, measure_rows
from unmask.evaluation.compare.paired_items import PairedItems, pair_items, read_scored_run
from unmask.evaluation.compare.results import ComparedRun, RowDifference, RunComparison
from unmask.evaluation.compare.sentences import describe_run, write_notes
from unmask.metrics import binary
from unmask.metrics.paired_bootstrap import RESAMPLES

log = logging.getLogger("unmask")


def compare_runs(runs: Sequence[Path], *, common: bool = False, seed: int = 0) -> RunComparison:
    """Every run minus the first, from the stored predictions of their present weights.

    Paired bootstrap over groups (metrics/paired_bootstrap.py) and DeLong's test, with Holm's correction over the runs.
    `common`: on the items that all runs scored, where they differ. `seed` of the bootstrap. `MissingInput` for a run
    without an evaluation, `UsageError` for runs that cannot be compared.
    """
    folders = [run.resolve() for run in runs]
    if len(set(folders)) < len(folders) or len(folders) < 2:
        raise UsageError("name two runs or more, each once", "unmask runs ls")
    names = [run.name for run in folders]
    # Runs of two work folders may have one name.
    shown = [name if names.count(name) == 1 else str(run) for name, run in zip(names, runs, strict=True)]
    scored = [read_scored_run(run, name) for run, name in zip(runs, shown, strict=True)]
    return compare_scores(pair_items(scored, common=common), seed=seed)


def compare_scores(paired: PairedItems, *, seed: int = 0) -> RunComparison:
    """Every run of `paired` minus the first."""
    base, *others = paired.runs
    log.info("compare: %d items, %d runs with %s", len(paired), len(others), base.name)
    panel = make_panel(paired.is_fake, paired.group, paired.dataset, paired.datasets)
    scorers = [run.as_scores() for run in paired.runs]
    drawn = draw_metrics(panel, scorers, binary.METRICS, seed=seed)
    rows = correct_over_runs([measure_rows(panel, drawn, scorers, at) for at in range(1, len(scorers))])
    groups = len(np.unique(panel.group))
    return RunComparison(
        base=base.name,
        base_folder=str(base.folder),
        split=base.split,
        items=len(paired),
        item_hash=base.item_hash,
        groups=groups,
        seed=seed,
        resamples=RESAMPLES,
        runs=tuple(
            _describe(run.name, run.folder, base.name, row, len(others)) for run, row in zip(others, rows, strict=True)
        ),
        notes=write_notes(paired, groups, RESAMPLES),
    )


def _describe(name: str, folder: Path, base: str, rows: tuple[RowDifference, ...], compared: int) -> ComparedRun:
    outcome, meaning = describe_run(name, base, rows, compared)
    return ComparedRun(name=name, folder=str(folder), rows=rows, outcome=outcome, meaning=meaning)
