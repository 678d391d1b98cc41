"""Runs of drawn scores of the same items, without a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from made_evaluation import Made

from unmask.evaluation.compare.paired_items import ScoredRun
from unmask.evaluation.results import MACRO, MACRO_LARGE, POOLED, MetricRow, ScoreTable

DATASETS = ("near", "far", "fakes_only")


def make_runs(
    made: Made, skills: dict[str, float], *, count: int = 300, per_group: int = 1, seed: int = 0
) -> list[ScoredRun]:
    """One run per name: half of its noise is shared, so that runs agree about hard items, `skill` parts the classes.

    The last dataset has fakes alone. `per_group`: copies of one item, with its scores.
    """
    random = np.random.default_rng(seed)
    number = np.repeat(np.arange(count // per_group), per_group)
    dataset = np.array(DATASETS)[number % 3]
    is_fake = (number // 3 % 2 == 0) | (dataset == DATASETS[-1])
    shared = random.normal(size=count)
    runs = []
    for name, skill in skills.items():
        logit = (shared + random.normal(size=count))[number * per_group] + skill * (is_fake - 0.5)
        runs.append(make_run(made, name, is_fake, dataset, 1 / (1 + np.exp(-logit)), number))
    return runs


def make_run(made: Made, name: str, is_fake, dataset, score, group, *, split: str = "test") -> ScoredRun:
    items = tuple(f"{at:032x}" for at in range(len(score)))
    rows = tuple(MetricRow(name=row, n_real=9, n_fake=9, groups=9) for row in (*DATASETS, MACRO, MACRO_LARGE, POOLED))
    table = ScoreTable(name="model", about="", threshold=0.5, rows=rows)
    return ScoredRun(
        name=name,
        folder=Path("runs") / name,
        evaluation=replace(made.evaluation, run=name, split=split, model=table),
        items=items,
        paths=tuple(f"{one}/{at}.mp4" for at, one in enumerate(dataset.tolist())),
        is_fake=is_fake,
        dataset=dataset.astype(np.str_),
        group=np.array([f"g{one}" for one in group]),
        score=score,
    )
