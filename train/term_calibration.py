"""Calibration of the terms of a part fusion: each modality's logit, per kind of media, before they are combined.

Logits of different modalities are not equally reliable: one of chance level would drown a good one in their noisy-or.

N clips, T terms
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import Modality
from unmask.manifests.manifest import Kind
from unmask.metrics.calibration import fit_logistic
from unmask.train.data.batch import MODALITIES
from unmask.train.data.clip_table import UNKNOWN, ClipTable
from unmask.train.models.part_fusion import combine_arrays
from unmask.train.scoring import ClipScores

# Stills and frames of a video look different to the image encoders, and there are seldom equally many of both classes.
KINDS: dict[Modality, tuple[tuple[Kind, ...], ...]] = {
    "image": (("image",), ("video",)),
    "audio": (("audio", "video"),),
    "text": (("image", "audio", "video"),),
    "metadata": (("image", "audio", "video"),),
}
LABELS: dict[Modality, Literal["video_fake", "audio_fake", "label"]] = {
    "image": "video_fake",
    "audio": "audio_fake",
    "text": "label",
    "metadata": "label",
}
"""Column of the clip table that says whether the modality is fake."""


@dataclass(frozen=True, slots=True)
class TermCalibration:
    """The logit of `modality` in media of these `kinds` becomes slope * logit + intercept."""

    modality: Modality
    kinds: tuple[Kind, ...]
    slope: float
    intercept: float


def fit_terms(scores: ClipScores, terms: Sequence[str], table: ClipTable) -> tuple[TermCalibration, ...]:
    """Calibration of each term but the joint one on the items of `scores`, by the mean logit of their clips.

    `terms`: Detector.terms. A modality without known labels of both classes stays as it is.
    """
    found = []
    for number, modality, kinds in _list_parts(terms):
        known = getattr(table, LABELS[modality])[scores.clips] != UNKNOWN
        rows = np.flatnonzero(known & _has(scores, number, modality, kinds, table))
        items, first, member = np.unique(table.item[scores.clips[rows]], return_index=True, return_inverse=True)
        logit = np.bincount(member, scores.terms[rows, number], len(items)) / np.bincount(member, minlength=len(items))
        is_fake = getattr(table, LABELS[modality])[scores.clips[rows[first]]] == 1
        slope, intercept = fit_logistic(is_fake, logit)
        found.append(TermCalibration(modality, kinds, slope, intercept))
    return tuple(found)


def calibrate_terms(
    scores: ClipScores, terms: Sequence[str], table: ClipTable, calibration: Sequence[TermCalibration]
) -> ClipScores:
    """`scores` with calibrated terms, and what follows from them: the logits of the parts and their noisy-or."""
    if not calibration:
        return scores
    lines = {(line.modality, line.kinds): line for line in calibration}
    terms_NT = scores.terms.copy()
    for number, modality, kinds in _list_parts(terms):
        if (modality, kinds) in lines:
            line, rows = lines[modality, kinds], _has(scores, number, modality, kinds, table)
            terms_NT[rows, number] = line.slope * terms_NT[rows, number] + line.intercept
    parts = {modality: terms_NT[:, number] for number, modality in enumerate(terms)}
    return replace(
        scores,
        terms=terms_NT,
        fake=combine_arrays(terms_NT).astype(np.float32),
        video=parts.get("image", scores.video),
        audio=parts.get("audio", scores.audio),
    )


def _list_parts(terms: Sequence[str]) -> Iterator[tuple[int, Modality, tuple[Kind, ...]]]:
    """Place in `terms`, modality and kinds of media of each calibration."""
    for number, name in enumerate(terms):
        for modality in KINDS:
            if modality == name:
                yield from ((number, modality, kinds) for kinds in KINDS[modality])


def _has(
    scores: ClipScores, number: int, modality: Modality, kinds: Sequence[Kind], table: ClipTable
) -> NDArray[np.bool_]:
    """(N,) clips that have the term, of a modality from these kinds of media."""
    giver = scores.givers[:, MODALITIES.index(modality)]
    return ~np.isnan(scores.terms[:, number]) & np.isin(table.kind[giver], kinds)
