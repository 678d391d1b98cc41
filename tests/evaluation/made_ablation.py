"""An ablation of two presets, made by hand."""

from __future__ import annotations

from unmask.evaluation.ablation.ablation_table import Ablation, AblationRow
from unmask.evaluation.tables.spread import Spread


def make_ablation() -> Ablation:
    figures = {"linear": 0.7, "full": 0.9}
    rows = tuple(
        AblationRow(
            preset=preset,
            runs=(f"{preset}-s0-1",),
            items=9,
            same_items="x",
            figures={"macro AUC": Spread(mean=mean, deviation=0.02, seeds=2)},
            datasets={},
        )
        for preset, mean in figures.items()
    )
    facts = {"split_hash": "5f", "profile": "tiny", "controls": (), "controls_of": "full", "stores": ()}
    return Ablation(name="a", split="test", seeds=(0, 1), rows=rows, stopped=False, **facts)  # type: ignore[arg-type]
