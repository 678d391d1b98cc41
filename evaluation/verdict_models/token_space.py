"""How far a file lies from the training items: distance to the nearest of their mean tokens, per encoder.

I items, M training items that are kept, D width of the encoder's tokens
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import Modality

# Several, so that one odd training file does not vouch for all that are like it.
NEIGHBORS = 5
# Training items that are kept: at 512 numbers of half precision they take half a megabyte per encoder.
MOST_KEPT = 512
FEWEST_ITEMS = 20
"""Training items with tokens of an encoder, below which nothing is like them."""
BLOCK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpace:
    """The training items in the tokens of one encoder."""

    stream: str
    modality: Modality
    mean: NDArray[np.float32]
    """(D,) over the training items."""
    deviation: NDArray[np.float32]
    """(D,) above 0."""
    kept: NDArray[np.float16]
    """(M, D) mean tokens of training items, standardized."""
    unit: float = 1.0
    """90 % of the validation items lie nearer than this: makes the distances of encoders comparable."""

    def measure(self, means: NDArray[np.float32]) -> NDArray[np.float64]:
        """(I, D) mean tokens -> (I,) distances in `unit`: mean over the NEIGHBORS nearest training items.

        Sun et al. 2022 (arXiv:2204.06507) with standardized instead of normalized features, because the length of a
        token tells silence and noise from speech.
        """
        kept = self.kept.astype(np.float64)
        placed = (means.astype(np.float64) - self.mean) / self.deviation
        blocks = [_average_nearest(placed[start : start + BLOCK], kept) for start in range(0, len(placed), BLOCK)]
        found = np.concatenate([np.zeros(0), *blocks])
        return np.asarray(found / np.sqrt(len(self.mean)) / self.unit, np.float64)


def fit_token_space(stream: str, modality: Modality, means: NDArray[np.float32], *, seed: int) -> TokenSpace | None:
    """On the mean tokens (I, D) of training items; None with fewer than FEWEST_ITEMS."""
    if len(means) < FEWEST_ITEMS:
        return None
    mean, deviation = means.mean(axis=0), means.std(axis=0)
    # Dimensions that never vary would turn rounding into distance.
    deviation = np.maximum(deviation, 1e-3 * max(float(deviation.max()), 1e-6))
    chosen = means
    if len(means) > MOST_KEPT:
        chosen = means[np.sort(np.random.default_rng(seed).choice(len(means), MOST_KEPT, replace=False))]
    kept = np.clip((chosen - mean) / deviation, -6e4, 6e4).astype(np.float16)
    return TokenSpace(
        stream=stream,
        modality=modality,
        mean=mean.astype(np.float32),
        deviation=deviation.astype(np.float32),
        kept=kept,
    )


def _average_nearest(placed: NDArray[np.float64], kept: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (placed**2).sum(axis=1)[:, None] + (kept**2).sum(axis=1)[None] - 2 * placed @ kept.T
    count = min(NEIGHBORS, len(kept))
    nearest = np.partition(np.maximum(squares, 0), count - 1, axis=1)[:, :count]
    return np.asarray(np.sqrt(nearest).mean(axis=1), np.float64)
