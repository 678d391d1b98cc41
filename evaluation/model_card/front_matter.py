"""The YAML block at the top of a model card, as the Hugging Face hub reads it (`model-index`)."""

from __future__ import annotations

from typing import Any

import yaml

from unmask.evaluation.results import Evaluation, MetricRow
from unmask.metrics import binary

TYPES = {"auc": "roc_auc", "ap": "average_precision"}
"""Metric -> its name on the hub, where that is another."""
TASK = {"type": "deepfake-detection", "name": "Deepfake detection"}


def format_front_matter(evaluation: Evaluation, license: str | None = None) -> str:
    """Between two lines of dashes: tags, metrics, and one result per row of the table that has a metric.

    `license`: the hub's id of the licence of the weights.
    """
    rows = [row for row in evaluation.model.rows if any(row[metric.name] is not None for metric in binary.METRICS)]
    value = ({"license": license} if license else {}) | {
        "library_name": "unmask",
        "tags": ["deepfake-detection", "unmask"],
        "metrics": [name_metric(metric.name) for metric in binary.METRICS],
        "model-index": [{"name": evaluation.run, "results": [_list_result(row, evaluation) for row in rows]}],
    }
    return f"---\n{yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)}---\n"


def name_metric(name: str) -> str:
    return TYPES.get(name, name)


def _list_result(row: MetricRow, evaluation: Evaluation) -> dict[str, Any]:
    metrics = [
        {"type": name_metric(metric.name), "name": metric.title, "value": value}
        for metric in binary.METRICS
        if (value := row[metric.name]) is not None
    ]
    dataset = {"type": row.name, "name": row.name, "config": evaluation.split_scheme, "split": evaluation.split}
    return {"task": dict(TASK), "dataset": dataset, "metrics": metrics}
