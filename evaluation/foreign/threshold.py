"""The threshold of another system's scores.

N scores
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.foreign.score_file import Side
from unmask.metrics import binary
from unmask.metrics.calibration import fit_threshold

ScoreKind = Literal["probability", "logit", "raw"]
"""logit: log odds or a log-likelihood ratio, 0 being undecided; raw: any number."""
NEUTRAL: dict[ScoreKind, float] = {"probability": 0.5, "logit": 0.0}


@dataclass(frozen=True)
class Threshold:
    value: float
    undefined: frozenset[str]
    """Metrics that these scores do not define."""
    notes: tuple[str, ...]


def guess_kind(score: NDArray[np.float64], higher_is: Side) -> ScoreKind:
    """Probabilities where high scores mean fake and all lie in 0..1, else any number."""
    return "probability" if higher_is == "fake" and bool(((score >= 0) & (score <= 1)).all()) else "raw"


def choose_threshold(kind: ScoreKind, is_fake: NDArray[np.bool_], score: NDArray[np.float64]) -> Threshold:
    """From validation items, `is_fake` and `score` (N,), high meaning fake; the neutral score without both classes.

    Metrics at a threshold are undefined without either, and metrics of probabilities for other scores.
    """
    undefined, notes = set[str](), []
    if kind != "probability":
        names = [metric for metric in binary.METRICS if metric.needs_probability]
        undefined |= {metric.name for metric in names}
        titles = ", ".join(metric.title for metric in names)
        notes.append(f"{titles}: not defined, the scores are no probabilities (--score-kind probability if they are).")
    if len(np.unique(is_fake)) == 2:
        value = fit_score_threshold(is_fake, score)
        notes.append(
            f"Threshold {value:.4g}: best balanced accuracy of the {len(score)} validation items with a score."
        )
    elif kind in NEUTRAL:
        value = NEUTRAL[kind]
        notes.append(f"Threshold {value:g}: the file has no validation items of both classes to choose it on.")
    else:
        value = 0.0
        undefined |= {metric.name for metric in binary.METRICS if metric.needs_threshold}
        notes.append(
            "No accuracy, precision, recall or F1: the file has no validation items of both classes to choose a "
            "threshold on. Add their scores, or say --score-kind probability or logit."
        )
    return Threshold(value, frozenset(undefined), tuple(notes))


def fit_score_threshold(is_fake: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """`metrics.calibration.fit_threshold` for any numbers: by their order, then halfway between two scores."""
    values, place = np.unique(score, return_inverse=True)
    ranks = (place.reshape(-1) + 0.5) / len(values)
    below = int(np.searchsorted((np.arange(len(values)) + 0.5) / len(values), fit_threshold(is_fake, ranks)))
    if below == 0:
        return float(values[0])
    if below == len(values):
        return float(np.nextafter(values[-1], np.inf))
    middle = float((values[below - 1] + values[below]) / 2)
    # Between neighboring floats the middle may be the lower one.
    return middle if middle > values[below - 1] else float(values[below])
