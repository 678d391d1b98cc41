"""Statistics of the tokens of the training clips: mean and deviation of each feature, time between tokens.

D width of one encoder's tokens, N tokens
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.train.data.stream_tokens import StreamTokens

# Their mean is known to a thousandth of a deviation; more would only make large caches slow to start on.
MOST_TOKENS = 2_000_000
# Tokens read at once, and a clip's: their copies in float64 are four times as large.
BLOCK = 512
# Clips whose times are looked at.
TIMED_CLIPS = 64


def measure_tokens(stream: StreamTokens, clips: NDArray[np.int64], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """(D,) mean and (D,) standard deviation, float32, where the tokens are held, over the clean tokens of `clips`.

    Each token counts once. Of more than MOST_TOKENS a random choice of clips is read. Without any token: 0 and 1.
    """
    chosen = _limit(clips[stream.lengths[clips] > 0], stream.lengths, seed)
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    ends = np.flatnonzero(np.diff(np.cumsum(stream.lengths[chosen]) // BLOCK)) + 1
    for block in np.split(chosen, ends) if len(chosen) else ():
        tokens_ND = stream.take(block)[0].double()
        count += len(tokens_ND)
        total = total.to(tokens_ND) + tokens_ND.sum(dim=0)
        squares = squares.to(tokens_ND) + tokens_ND.square().sum(dim=0)
    if not count:
        return torch.zeros(stream.spec.width), torch.ones(stream.spec.width)
    mean_D = total / count
    return mean_D.float(), (squares / count - mean_D.square()).clamp(min=0).sqrt().float()


def measure_spacing(stream: StreamTokens, clips: NDArray[np.int64]) -> float:
    """Median time in seconds between tokens that follow each other in one of `clips`; NaN without any two.

    Tokens of the same instant (the cells of a grid) count as one. A few clips tell it: an encoder has one rate.
    """
    some = clips[stream.lengths[clips] > 1][:TIMED_CLIPS]
    times = [np.diff(np.unique(stream.take(clip[None])[1])) for clip in some]
    return float(np.median(np.concatenate(times))) if any(map(len, times)) else math.nan


def _limit(clips: NDArray[np.int64], lengths: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """`clips`, or a random choice of them with at most MOST_TOKENS tokens, in the order of the table."""
    if lengths[clips].sum() <= MOST_TOKENS:
        return clips
    shuffled = np.random.default_rng(seed).permutation(clips)
    return np.sort(shuffled[np.cumsum(lengths[shuffled]) <= MOST_TOKENS])
