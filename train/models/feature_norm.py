"""L2-normalised features: only the direction of what a fusion makes of a clip is left.

B clips, W width
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F


def normalize_features(z_BW: torch.Tensor) -> torch.Tensor:
    """(B, W) float32 of length sqrt(W): a root mean square of 1, as after the LayerNorm that every fusion ends with.

    A learned length would be redundant, because the first layer of every head scales; one of 1 would leave the biases
    of that layer sixteen times as large as what it reads at a width of 256.
    """
    return F.normalize(z_BW.float(), dim=1) * math.sqrt(z_BW.shape[1])
