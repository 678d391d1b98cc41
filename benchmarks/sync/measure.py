"""Curves of held-out clips by the networks and by the linear control, and what they tell. N clips, L lags"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.sync.sets import Talker, list_train
from unmask.cache.sync.comparison import REACH, TOLERANCE, center, compare_lags
from unmask.cache.sync.learning import SyncLearning
from unmask.cache.sync.linear import LinearSync
from unmask.cache.sync.networks import SyncNetworks
from unmask.cache.sync.settings import SyncSettings
from unmask.cache.sync.windows import SyncClip, SyncClips
from unmask.metrics.binary import auc
from unmask.preprocess.profiles import MOUTH_FPS

FAR = 20
"""Tokens: the longest shift is 0.8 s."""
SHIFTS_S = (0.2, 0.4, 0.8)
RESAMPLES = 1000
NETWORKS, LINEAR = WAYS = ("networks", "linear")

Comparison = Callable[[SyncClip], NDArray[np.float32]]
"""Clip -> (2 FAR + 1,) how well its mouth and audio fit at each lag."""


@dataclass(frozen=True)
class Curve:
    """Of one held-out clip."""

    way: str
    set: str
    group: str
    dataset: str
    values: NDArray[np.float32]
    """(2 FAR + 1,)"""


def measure_fold(
    talkers: Sequence[Talker],
    fold_of: Sequence[int],
    fold: int,
    settings: SyncSettings,
    *,
    device: torch.device,
    ways: Sequence[str] = WAYS,
) -> list[Curve]:
    """Learn these ways on the other folds and compare the clips of this one."""
    train = list_train(talkers, fold_of, fold)
    compare = {way: LEARN[way](train, settings, device) for way in ways}
    held = [one for one, at in zip(talkers, fold_of, strict=True) if at == fold]
    return [
        Curve(way, one.set, one.row.group, one.row.dataset, compute(one.clip))
        for one in held
        for way, compute in compare.items()
    ]


def _learn_networks(train: Sequence[SyncClip], settings: SyncSettings, device: torch.device) -> Comparison:
    learned = SyncLearning(settings, SyncClips(list(train)), SyncClips([]), device=device).run()
    return lambda clip: compute_curve(learned.networks, clip, device)


def _fit_linear(train: Sequence[SyncClip], settings: SyncSettings, device: torch.device) -> Comparison:
    linear = LinearSync.fit(train, settings.seed)
    return lambda clip: linear.compute_curve(clip, FAR)


LEARN: dict[str, Callable[[Sequence[SyncClip], SyncSettings, torch.device], Comparison]] = {
    NETWORKS: _learn_networks,
    LINEAR: _fit_linear,
}


@torch.no_grad()
def compute_curve(networks: SyncNetworks, clip: SyncClip, device: torch.device) -> NDArray[np.float32]:
    mouth = center(networks.mouth(torch.from_numpy(clip.mouth)[None].to(device)))
    audio = center(networks.audio(torch.from_numpy(clip.mel)[None].to(device)))
    values: NDArray[np.float32] = compare_lags(mouth, audio, FAR)[0].cpu().numpy()
    return values


def measure_shift(values: NDArray[np.float32], shift_s: float) -> float:
    """AUC of the curves (N, L) at lag 0 against those at the shift, both ways."""
    shift = round(shift_s * MOUTH_FPS)
    right = values[:, FAR]
    wrong = np.concatenate([values[:, FAR - shift], values[:, FAR + shift]])
    scores = np.concatenate([right, wrong])
    known = ~np.isnan(scores)
    labels = np.repeat([True, False], [len(right), len(wrong)])
    return auc(labels[known], scores[known])


def measure_fit_shift(values: NDArray[np.float32], shift_s: float) -> float:
    """The same for what a value stands out of its own curve, in standard deviations over the lags: `Sync.fit`."""
    middle = values[:, FAR - REACH : FAR + REACH + 1]
    median, spread = np.nanmedian(middle, axis=1, keepdims=True), np.nanstd(middle, axis=1, keepdims=True)
    return measure_shift((values - median) / (spread + 1e-6), shift_s)


def measure_tolerant_shift(values: NDArray[np.float32], shift_s: float) -> float:
    """The same for the best lag within TOLERANCE, so that a constant offset of the file costs nothing."""
    moved = np.full_like(values, np.nan)
    for lag in range(2 * FAR + 1):
        near = values[:, max(0, lag - TOLERANCE) : lag + TOLERANCE + 1]
        known = ~np.isnan(near).all(axis=1)
        moved[known, lag] = np.nanmax(near[known], axis=1)
    return measure_shift(moved, shift_s)


def share_found(values: NDArray[np.float32], within: int) -> float:
    """Share of the curves whose highest lag within MAX_LAG_S is at most `within` tokens from 0."""
    middle = values[:, FAR - REACH : FAR + REACH + 1]
    best = np.nanargmax(middle, axis=1) - REACH
    return float((np.abs(best) <= within).mean())


def resample_sources(curves: Sequence[Curve], seed: int = 0) -> list[NDArray[np.int64]]:
    """Rows of the curves in each bootstrap sample of whole groups."""
    groups = np.unique([one.group for one in curves], return_inverse=True)[1]
    rows_of = [np.flatnonzero(groups == group) for group in range(groups.max() + 1)]
    random = np.random.default_rng(seed)
    draws = random.integers(len(rows_of), size=(RESAMPLES, len(rows_of)))
    return [np.concatenate([rows_of[group] for group in draw]) for draw in draws.tolist()]
