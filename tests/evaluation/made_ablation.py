"""An ablation of two presets, made by hand."""

from __future__ import annotations

from unmask.evaluation.ablation.ablation_table import COMPARED, Ablation, AblationRow
from unmask.evaluation.compare.results import MetricDifference
from unmask.evaluation.tables.spread import Spread


def make_ablation() -> Ablation:
    """`full` is compared with `linear`, on one row with an interval and on the other without."""
    figures = {"linear": 0.7, "full": 0.9}
    found = MetricDifference(
        metric="auc", base=0.7, run=0.9, difference=0.2, interval=(0.1, 0.3), p=0.01, corrected=0.02, deviation=0.05
    )
    differences = dict(zip(COMPARED, (found, MetricDifference(metric="auc", difference=0.1)), strict=True))
    rows = tuple(
        AblationRow(
            preset=preset,
            runs=(f"{preset}-s0-1",),
            items=9,
            same_items="x",
            figures={"macro AUC": Spread(mean=mean, deviation=0.02, seeds=2)},
            datasets={"celeb_df": Spread(mean=mean, deviation=None, seeds=1), "dff": None},
            validation=Spread(mean=mean, deviation=0.01, seeds=2),
            differences=differences if preset == "full" else {},
        )
        for preset, mean in figures.items()
    )
    facts = {"split_hash": "5f", "profile": "tiny", "controls": (), "controls_of": "full", "stores": ()}
    return Ablation(
        name="a",
        split="test",
        seeds=(0, 1),
        rows=rows,
        stopped=False,
        base="linear",
        **facts,  # type: ignore[arg-type]
    )
