"""Validation of an adaptation: which epoch is best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.cache.adaptation.labeled_clips import LabeledClips
from unmask.metrics.binary import ENOUGH_ITEMS, auc


@dataclass(frozen=True, slots=True)
class Scores:
    """Of the validation files; the logit of a file is the mean over its clips."""

    auc: float
    """Mean over the datasets with ENOUGH_ITEMS files of each class; without any, of all files together."""
    over: str
    """What that was, in words."""
    loss: float
    """Cross-entropy, every (dataset, class) weighted equally."""


def score_items(clips: LabeledClips, logits: NDArray[np.float32]) -> Scores:
    """`logits` (C,) of all clips."""
    items, first = np.unique(clips.item, return_index=True)
    fake, domain, cell = clips.fake[first], clips.domain[first], clips.cells[first]
    mean = np.bincount(clips.item, logits.astype(np.float64)) / np.bincount(clips.item)
    counts = {number: np.bincount(fake[domain == number], minlength=2).min() for number in np.unique(domain).tolist()}
    enough = [number for number, count in counts.items() if count >= ENOUGH_ITEMS]
    chosen = [domain == number for number in enough] or [np.ones(len(items), np.bool_)]
    over = f"mean of {len(enough)} datasets" if enough else "all files"
    losses = np.logaddexp(0.0, np.where(fake == 1, -mean, mean))
    loss = float(np.mean([losses[cell == one].mean() for one in np.unique(cell)]))
    return Scores(float(np.mean([auc(fake[part], mean[part]) for part in chosen])), over, loss)
