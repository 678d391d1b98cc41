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
    "Brier": "Brier score: mean squared distance of the probability of fake from 1 for fakes and 0 for real files. "
    "Lower is better; always answering 0.5 has 0.25.",
    "TPR at 1 % FPR": "Share of the fakes that are found at the threshold that calls at most 1 % of the real files "
    "fake. With fewer than 100 real files: that calls none of them fake.",
    "TPR at 5 % FPR": "Share of the fakes that are found at the threshold that calls at most 5 % of the real files "
    "fake. With fewer than 20 real files: that calls none of them fake.",
    "minDCF": "Lowest detection cost, at the best threshold, with the parameters of ASVspoof 5 (track 1): 5 % of "
    "the files fake, an accepted fake costs ten times a rejected real file. 0 is perfect, 1 is the cost of one answer "
    "for all.",
    "actDCF": "The detection cost of minDCF at the threshold that is right for true likelihood ratios. What it "
    "exceeds minDCF by is lost to calibration; it can exceed 1.",
    "likelihood ratio": "LR: how many times more frequent such a score is among fake files than among real ones. 1 "
    "says nothing, 20 supports fake, 1/20 real. The odds of fake are the odds before the score was seen times the LR.",
    "Cllr": "Cost of log-likelihood ratios, in bits: 0 is perfect, 1 is what LR 1 for every file scores, above 1 "
    "the ratios mislead. It measures discrimination and calibration together.",
    "Cllr_min": "Cllr after the best monotone correction, which knows the labels: the part lost to discrimination. "
    "Cllr minus Cllr_min is lost to calibration.",
    "95 % interval": "Of repeated draws of whole groups of the test files, 95 % lie in it. It says how far the figure "
    "depends on which groups were tested, not how well the model does on other data.",
    "groups": "Sets of files that share an identity, a recording or a source. A group is never in two splits, and "
    "intervals resample whole groups.",
}
