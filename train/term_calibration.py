"""Calibration of the terms of a part fusion: each modality's logit, per kind of media, and the joint one.

Logits of different modalities are not equally reliable: one of chance level would drown a good one in their noisy-or.

N clips, I items, T terms, K lines
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import Modality
from unmask.manifests.manifest import Kind
from unmask.metrics.noisy_or import combine_arrays, fit_lines
from unmask.train.data.batch import MODALITIES
from unmask.train.data.clip_table import UNKNOWN, ClipTable
from unmask.train.scoring import ClipScores

Term = Modality | Literal["joint"]

# Stills and frames of a video look different to the image encoders, and there are seldom equally many of both classes.
KINDS: dict[Term, tuple[tuple[Kind, ...], ...]] = {
    "image": (("image",), ("video",)),
    "audio": (("audio", "video"),),
    "text": (("image", "audio", "video"),),
    "metadata": (("image", "audio", "video"),),
    "joint": (("image", "audio", "video"),),
}
LABELS: dict[Term, Literal["video_fake", "audio_fake", "label"]] = {
    "image": "video_fake",
    "audio": "audio_fake",
    "text": "label",
    "metadata": "label",
}
"""Column of the clip table that says whether the modality is fake. The joint term is of none."""


@dataclass(frozen=True, slots=True)
class TermCalibration:
    """The logit of `modality` in media of these `kinds` becomes slope * logit + intercept."""

    modality: Term
    kinds: tuple[Kind, ...]
    slope: float
    intercept: float


def fit_terms(scores: ClipScores, terms: Sequence[str], table: ClipTable) -> tuple[TermCalibration, ...]:
    """Calibration of each term on the items of `scores`, by the mean logit of their clips (noisy_or.fit_lines).

    `terms`: Detector.terms. A term that no item has stays as it is, and so do all of them where no label is known.
    """
    items, first, member = np.unique(table.item[scores.clips], return_index=True, return_inverse=True)
    lines, logits, parts = [], [], []
    for number, name, kinds in _list_lines(terms):
        rows = _has(scores, number, name, kinds, table)
        if rows.any():
            lines.append((name, kinds))
            logits.append(_average(scores.terms[:, number], rows, member, len(items)))
            parts.append(_get_labels(table, name, scores.clips[first]))
    if not lines:
        return ()
    whole_I = table.label[scores.clips[first]] == 1
    slope_K, intercept_K = fit_lines(np.stack(logits, axis=1), np.stack(parts, axis=1), whole_I)
    fitted = zip(lines, slope_K.tolist(), intercept_K.tolist(), strict=True)
    return tuple(TermCalibration(name, kinds, slope, intercept) for (name, kinds), slope, intercept in fitted)


def calibrate_terms(
    scores: ClipScores, terms: Sequence[str], table: ClipTable, calibration: Sequence[TermCalibration]
) -> ClipScores:
    """`scores` with calibrated terms, and what follows from them: the logits of the parts and their noisy-or."""
    if not calibration:
        return scores
    lines = {(line.modality, line.kinds): line for line in calibration}
    terms_NT = scores.terms.copy()
    for number, name, kinds in _list_lines(terms):
        if (name, kinds) in lines:
            line, rows = lines[name, kinds], _has(scores, number, name, kinds, table)
            terms_NT[rows, number] = line.slope * terms_NT[rows, number] + line.intercept
    parts = {modality: terms_NT[:, number] for number, modality in enumerate(terms)}
    return replace(
        scores,
        terms=terms_NT,
        fake=combine_arrays(terms_NT).astype(np.float32),
        video=parts.get("image", scores.video),
        audio=parts.get("audio", scores.audio),
    )


def _list_lines(terms: Sequence[str]) -> list[tuple[int, Term, tuple[Kind, ...]]]:
    """Place in `terms`, name and kinds of media of each line."""
    return [(terms.index(name), name, kinds) for name, apart in KINDS.items() if name in terms for kinds in apart]


def _has(scores: ClipScores, number: int, name: Term, kinds: Sequence[Kind], table: ClipTable) -> NDArray[np.bool_]:
    """(N,) clips that have the term; that of a modality, from these kinds of media."""
    has_N = ~np.isnan(scores.terms[:, number])
    if name == "joint":
        return has_N
    giver_N = scores.givers[:, MODALITIES.index(name)]
    return has_N & np.isin(table.kind[giver_N], kinds)


def _average(
    logit_N: NDArray[np.floating], rows_N: NDArray[np.bool_], member_N: NDArray[np.int64], items: int
) -> NDArray[np.float64]:
    """(I,) mean over the clips of each item among `rows_N`; NaN for an item without one."""
    count_I = np.bincount(member_N[rows_N], minlength=items)
    sum_I = np.bincount(member_N[rows_N], logit_N[rows_N], items)
    return np.where(count_I > 0, sum_I / np.maximum(count_I, 1), np.nan)


def _get_labels(table: ClipTable, name: Term, clips: NDArray[np.int64]) -> NDArray[np.float64]:
    """Is the modality of these clips fake: 1, 0, NaN for unknown."""
    if name not in LABELS:
        return np.full(len(clips), np.nan)
    labels = getattr(table, LABELS[name])[clips]
    return np.where(labels == UNKNOWN, np.nan, labels == 1)
