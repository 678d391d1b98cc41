"""The lag token: how well image and audio fit at each time difference, as the model learns to compare them, and as the
sync encoder has learned it.

Learned queries and keys compare every image token with every audio token of a clip. A transformer that only knows the
time of each token would have to learn to subtract times; here the difference is given.

B clips, L slots, N tokens, R clips with image and audio, S image slots, T audio slots, K time differences,
E width of a comparison, V = E + 1, W width
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from unmask.cache.spec import Modality
from unmask.cache.sync.comparison import list_lags
from unmask.train.data.batch import MODALITIES
from unmask.train.data.sampler import Sampler
from unmask.train.data.token_data import TokenData
from unmask.train.data.token_statistics import measure_spacing
from unmask.train.models.modality_slots import gather_tokens

COMPARED_WIDTH = 64
LONGEST_LAG_S = 1.0
COARSEST_S, FINEST_S = 0.125, 0.02
SYNC_SCALE = 10.0
"""A mean cosine that stands out is about a tenth."""
SYNC_HIDDEN = 32
IMAGE, AUDIO = MODALITIES.index("image"), MODALITIES.index("audio")


def find_lag_step(data: TokenData, names: Sequence[str], sampler: Sampler) -> float:
    """Bin width in seconds for the encoders `names`; 0 where no training clip has several tokens of image and of audio.

    Differences between two streams fall on a grid as fine as the denser of them.
    """
    clips = sampler.clips[(sampler.lengths[sampler.clips][:, [IMAGE, AUDIO]] > 1).all(axis=1)]
    steps = [
        np.nanmin(
            [math.inf, *(measure_spacing(data.streams[name], clips) for name in names if data.modality(name) == m)]
        )
        for m in (MODALITIES[IMAGE], MODALITIES[AUDIO])
    ]
    return 0.0 if math.inf in steps else min(COARSEST_S, max(FINEST_S, float(min(steps))))


class LagToken(nn.Module):
    """Mean similarity of image and audio tokens per time difference, as one more token."""

    def __init__(self, width: int, step_s: float) -> None:
        super().__init__()
        self.step_s = step_s
        self.reach = round(LONGEST_LAG_S / step_s)
        bins = 2 * self.reach + 1
        self.query = nn.Linear(width, COMPARED_WIDTH)
        self.key = nn.Linear(width, COMPARED_WIDTH)
        self.norm = nn.LayerNorm(bins)
        self.out = nn.Linear(bins, width)
        self.kind = nn.Parameter(torch.randn(width) * 0.02)

    def project(self, x_NW: torch.Tensor, times_N: torch.Tensor, group: int) -> torch.Tensor:
        """(N, E + 1) queries (image) or keys (audio) of adapted tokens, and their times in seconds."""
        y_NE = self.query(x_NW) if group == IMAGE else self.key(x_NW)
        return torch.cat([y_NE.float(), times_N[:, None]], dim=1)

    def forward(self, y_RLV: torch.Tensor, group_RL: torch.Tensor, most: Mapping[Modality, int]) -> torch.Tensor:
        """(R, L, E + 1) projections and times, (R, L) modality of each slot -> (R, W), one token per clip."""
        q_RSE, seen_RS, at_RS = _center(y_RLV, group_RL, IMAGE, most["image"])
        k_RTE, heard_RT, at_RT = _center(y_RLV, group_RL, AUDIO, most["audio"])
        similar_RST = q_RSE @ k_RTE.transpose(1, 2) / COMPARED_WIDTH**0.5
        bin_RST = ((at_RT[:, None] - at_RS[:, :, None]) / self.step_s).round().long() + self.reach
        bins = 2 * self.reach + 1
        counted_RST = seen_RS[:, :, None] & heard_RT[:, None] & (bin_RST >= 0) & (bin_RST < bins)
        token_RW: torch.Tensor = self.out(self.norm(_average_bins(similar_RST, bin_RST, counted_RST, bins)))
        return token_RW.float() + self.kind


class SyncToken(nn.Module):
    """Reads the mean cosine at each lag (data/sync_curves.py) as it is: it was learned on genuine clips already."""

    def __init__(self, width: int) -> None:
        super().__init__()
        lags = len(list_lags())
        self.token = nn.Sequential(nn.Linear(lags, SYNC_HIDDEN), nn.GELU(), nn.Linear(SYNC_HIDDEN, width))
        self.fits = nn.Sequential(nn.Linear(lags, SYNC_HIDDEN), nn.GELU(), nn.Linear(SYNC_HIDDEN, 1))

    def forward(self, curve_RL: torch.Tensor, known_R: torch.Tensor) -> torch.Tensor:
        """(R, W) float32, 0 for clips without a curve."""
        token_RW: torch.Tensor = self.token(SYNC_SCALE * curve_RL)
        return token_RW.float() * known_R[:, None]

    def judge(self, curve_BL: torch.Tensor) -> torch.Tensor:
        """(...,) logit that mouth and audio belong together, float32, of curves (..., L)."""
        logit_B: torch.Tensor = self.fits(SYNC_SCALE * curve_BL)[..., 0]
        return logit_B.float()


def _center(
    y_RLV: torch.Tensor, group_RL: torch.Tensor, group: int, slots: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(R, S, E) projections of one modality minus their mean over the clip, (R, S) which are tokens, (R, S) times.

    Without this the similarity of the clip's averages (identity, room, noise) would drown the differences in time.
    """
    y_RSV, used_RS = gather_tokens(y_RLV, group_RL, group, slots)
    y_RSE, used_RS1 = y_RSV[..., :-1], used_RS[..., None]
    mean_R1E = (y_RSE * used_RS1).sum(dim=1, keepdim=True) / used_RS1.sum(dim=1, keepdim=True).clamp(min=1)
    return (y_RSE - mean_R1E) * used_RS1, used_RS, y_RSV[..., -1]


def _average_bins(
    similar_RST: torch.Tensor, bin_RST: torch.Tensor, counted_RST: torch.Tensor, bins: int
) -> torch.Tensor:
    """(R, K) mean similarity of the counted pairs of each bin; 0 for a bin without pairs."""
    R = len(similar_RST)
    counted_RP = counted_RST.flatten(1).to(similar_RST.dtype)
    where_RP = bin_RST.clamp(0, bins - 1).flatten(1)
    zeros_RK = similar_RST.new_zeros(R, bins)
    sum_RK = zeros_RK.scatter_add(1, where_RP, similar_RST.flatten(1) * counted_RP)
    count_RK = zeros_RK.scatter_add(1, where_RP, counted_RP)
    return sum_RK / count_RK.clamp(min=1)
