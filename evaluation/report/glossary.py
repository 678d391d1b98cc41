"""The glossary of the report; table headings that are terms show their meaning and lead to it."""

from __future__ import annotations

import inspect

from unmask.evaluation.results import Evaluation
from unmask.metrics import binary
from unmask.metrics.glossary import METRIC_TERMS

TERMS = {
    "macro": "Mean over the datasets that have both classes: each dataset counts the same, however small it is.",
    "macro 5+": "The same mean over the datasets with at least five files of each class.",
    "pooled": "All files together: large datasets count more, and differences between the datasets' scores count too.",
    "threshold": "A file is called fake from this probability on. It is chosen on the validation files.",
    "control": "A score that never looks for a manipulation. What the model is better than the best control is what it "
    "has been shown to detect.",
    "ROC curve": "Share of the fakes that are found against the share of real files that are called fake, as the "
    "threshold falls. The diagonal is chance.",
    "calibration": "Probabilities are calibrated when, of all files with a probability of 0.8, 80 % are fake.",
    "Tippett plot": "Share of the real and of the fake files with at least an LR, as the LR rises. Good ratios "
    "keep the real files left of LR 1 and the fake ones right of it.",
    "PAV plot": "The LRs against those that the labels of the same files would give them, keeping their order. On "
    "the diagonal an LR of 20 is 20 times more frequent among fakes; below it LRs are too high.",
    "domain discriminators": "Networks that guess from the model's features which dataset a clip is from. Near chance, "
    "the features do not tell the dataset.",
    "verdict": "Words for the LR of one file, in four steps; none for a file unlike those of the training, without a "
    "face, or of a kind that was not tested.",
    "center crops": "Crops of the middle of a frame in which no face was found.",
    "out of scope": "Files of a media kind that the run does not score: they are left out of all figures.",
    "split scheme": "Rule by which files were assigned to training, validation and test (docs/splits.md).",
}


def list_terms(evaluation: Evaluation) -> dict[str, str]:
    """Term -> meaning: metrics, controls, then the other terms of the page."""
    metrics = {metric.title: METRIC_TERMS.get(metric.title) or _read_summary(metric) for metric in binary.METRICS}
    controls = {control.name: f"{control.about[0].upper()}{control.about[1:]}." for control in evaluation.controls}
    return metrics | METRIC_TERMS | controls | TERMS


def _read_summary(metric: binary.Metric) -> str:
    """First line of the docstring of a metric that was added by others."""
    return (inspect.getdoc(metric.function) or metric.title).split("\n")[0]
