"""What the terms of tables and pages mean, in a sentence or two each."""

from __future__ import annotations

METRIC_TERMS = {
    "AUC": "Area under the ROC curve: the probability that a fake scores higher than a real file. 0.5 is chance, 1 is "
    "perfect; below 0.5 the scores are inverted. It does not depend on the threshold.",
    "EER": "Equal error rate: the share of errors at the threshold where missed fakes and false alarms are equally "
    "frequent. Lower is better; 0.5 is chance.",
    "AP": "Average precision: the area under the precision-recall curve. Chance is the share of fakes, so it is high "
    "wherever most files are fake.",
    "accuracy": "Share of the files that are called correctly at the threshold. Always answering the more frequent "
    "label reaches that label's share.",
    "balanced accuracy": "Mean of the accuracy on real and on fake files, at the threshold. 0.5 is chance, whatever "
    "the share of fakes.",
    "precision": "Share of fakes among the files that are called fake.",
    "recall": "Share of the fakes that are called fake.",
    "F1": "Harmonic mean of precision and recall.",
    "ECE": "Expected calibration error: mean distance between the probability that the model gives and the share of "
    "fakes among such files. Lower is better.",
    "95 % interval": "Of repeated draws of whole groups of the test files, 95 % lie in it. It says how far the figure "
    "depends on which groups were tested, not how well the model does on other data.",
    "groups": "Sets of files that share an identity, a recording or a source. A group is never in two splits, and "
    "intervals resample whole groups.",
}
