"""Noisy-or of logits: a clip is fake if any of its terms says so.

B clips, T terms
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

# exp(-30) is below what float32 can tell from no suspicion at all; the logarithm of the sum stays finite.
LOWEST = -30.0


def combine(logit_BT: torch.Tensor, present_BT: torch.Tensor) -> torch.Tensor:
    """(B,) logit of 1 - prod(1 - p) over the terms a clip has, p = sigmoid(logit) (Pearl 1988, noisy-or).

    A clip of one term gets that term's logit; a further term can only raise the result. Each clip has a term.
    """
    suspicion_BT = F.softplus(logit_BT.float().clamp(min=LOWEST)) * present_BT
    sum_B = suspicion_BT.sum(dim=1)
    return sum_B + torch.log(-torch.expm1(-sum_B))


def combine_arrays(logit_NT: NDArray[np.floating]) -> NDArray[np.float64]:
    """The same in NumPy; NaN marks a term that a clip does not have. A clip without any term gets NaN."""
    present_NT = ~np.isnan(logit_NT)
    clamped_NT = np.clip(np.where(present_NT, logit_NT, LOWEST), LOWEST, None).astype(np.float64)
    sum_N = np.where(present_NT, np.logaddexp(0.0, clamped_NT), 0.0).sum(axis=1)
    with np.errstate(divide="ignore"):
        combined_N = sum_N + np.log(-np.expm1(-sum_N))
    return np.where(present_NT.any(axis=1), combined_N, np.nan)
