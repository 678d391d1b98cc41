"""How well mouths and audio fit: similarity of their tokens by time difference, and what follows from it.

A time difference ("lag") is that of the audio from the mouth: at +0.2 s the sound comes late.

B clips, T tokens on one clock of MOUTH_FPS per second, D width of a token, L lags
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from unmask.preprocess.profiles import MOUTH_FPS

MAX_LAG_S = 0.6
"""Lags are searched up to this one, both ways."""
REACH = round(MAX_LAG_S * MOUTH_FPS)
"""MAX_LAG_S in tokens."""
TOLERANCE = 3
"""Tokens, 0.12 s: a constant offset up to it, of a dubbing or an encoder, is told and not held against the file."""
LEAST_TOKENS = 12
"""Half a second that must be compared at a lag."""
CLEAR_FIT = 3.0
"""Sync.fit from which the offset is clear: in `python -m benchmarks sync` all 22 such clips were within two tokens, of
the others 77 %."""
WINDOW_S = 1.0
"""Over which the fit at a moment is averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """How the image and the audio of one file or clip fit."""

    offset_s: float
    """By which the audio comes late (above 0) or early, where the two fit best; within MAX_LAG_S."""
    peak: float
    """Mean cosine of the tokens there, -1 to 1."""
    fit: float
    """`peak` above the median over all lags, in standard deviations over the lags."""
    tolerated: float
    """As `fit`, of the best lag within TOLERANCE: what is left of the fit if the offset is more than that."""
    curve: NDArray[np.float32]
    """(L,) mean cosine per lag; NaN where the clips are too short for it."""

    @property
    def offset_ms(self) -> int:
        return round(1000 * self.offset_s)


def center(tokens_BTD: torch.Tensor) -> torch.Tensor:
    """Unit vectors of the tokens minus their mean over the clip, which says who speaks where, and nothing of time."""
    return F.normalize(tokens_BTD - tokens_BTD.mean(dim=1, keepdim=True), dim=2)


def compare_lags(mouth_BTD: torch.Tensor, audio_BTD: torch.Tensor, reach: int) -> torch.Tensor:
    """(B, 2 reach + 1) mean cosine of the centered tokens (see `center`) at each lag from -reach to reach, in tokens.

    NaN at lags that leave fewer than LEAST_TOKENS to compare.
    """
    B, T = mouth_BTD.shape[:2]
    # Rows of the last mouth token first: in a row longer by one each, equal lags stand below each other.
    similar_BTT = mouth_BTD.flip(1) @ audio_BTD.transpose(1, 2)
    skewed_BX = F.pad(similar_BTT, (0, T)).flatten(1)[:, :-T]
    sum_BL = skewed_BX.view(B, T, 2 * T - 1).sum(dim=1)
    lag_L = torch.arange(1 - T, T, device=sum_BL.device)
    count_L = T - lag_L.abs()
    mean_BL = torch.where(count_L >= LEAST_TOKENS, sum_BL / count_L, torch.nan)
    beyond = max(0, reach - (T - 1))
    mean_BL = F.pad(mean_BL, (beyond, beyond), value=torch.nan)
    middle = mean_BL.shape[1] // 2
    return mean_BL[:, middle - reach : middle + reach + 1]


def list_lags() -> range:
    """In tokens, within MAX_LAG_S."""
    return range(-REACH, REACH + 1)


def compute_curve(mouth_TD: NDArray[np.floating], audio_TD: NDArray[np.floating]) -> NDArray[np.float32] | None:
    """(L,) mean cosine of the tokens of one clip, as they are in the cache, at each of `list_lags()`; see
    `compare_lags`. None for a clip too short to be compared at all.
    """
    T = min(len(mouth_TD), len(audio_TD))
    if T < LEAST_TOKENS:
        return None
    mouth, audio = (center(torch.from_numpy(np.asarray(side[:T], np.float32))[None]) for side in (mouth_TD, audio_TD))
    curve: NDArray[np.float32] = compare_lags(mouth, audio, REACH)[0].numpy()
    return curve


def join_curves(curves: Sequence[NDArray[np.float32]], lengths: Sequence[int]) -> Sync | None:
    """Of several clips of a file, weighted by their `lengths` in tokens; None without any."""
    if not curves:
        return None
    values, known = np.stack(curves), ~np.isnan(np.stack(curves))
    weights = np.asarray(lengths, np.float64)[:, None] * known
    total = weights.sum(axis=0)
    with np.errstate(invalid="ignore"):
        curve = np.where(total > 0, (np.where(known, values, 0) * weights).sum(axis=0) / total, np.nan)
    return describe_curve(curve.astype(np.float32))


def describe_curve(curve: NDArray[np.float32]) -> Sync:
    """Where the curve over `list_lags()` is highest, and how clearly. Between lags the peak of the parabola through
    the highest one and its neighbors counts."""
    lags, best = list_lags(), int(np.nanargmax(curve))
    median, spread = float(np.nanmedian(curve)), float(np.nanstd(curve))
    near = [number for number, lag in enumerate(lags) if abs(lag) <= TOLERANCE and not np.isnan(curve[number])]
    tolerated = float(max(curve[number] for number in near)) if near else median
    scale = spread + 1e-6
    return Sync(
        offset_s=(lags[best] + _refine(curve, best)) / MOUTH_FPS,
        peak=float(curve[best]),
        fit=(float(curve[best]) - median) / scale,
        tolerated=(tolerated - median) / scale,
        curve=curve,
    )


def compute_fit_over_time(
    mouth_TD: NDArray[np.floating], audio_TD: NDArray[np.floating], offset_s: float
) -> NDArray[np.float32]:
    """(T,) cosine at the lag nearest to `offset_s`, averaged over WINDOW_S around each token, minus the median over all
    lags; 0 where the lag leaves nothing to compare."""
    T, lags = min(len(mouth_TD), len(audio_TD)), list_lags()
    sides = (np.asarray(side[:T], np.float32) for side in (mouth_TD, audio_TD))
    mouth, audio = (center(torch.from_numpy(side)[None])[0].numpy() for side in sides)
    kernel = np.ones(min(T, round(WINDOW_S * MOUTH_FPS)))
    local = np.stack([_average_locally(mouth, audio, lag, kernel) for lag in lags])
    at = min(range(len(lags)), key=lambda number: abs(lags[number] - offset_s * MOUTH_FPS))
    with np.errstate(invalid="ignore"):
        above: NDArray[np.float32] = np.asarray(local[at] - np.nanmedian(local, axis=0), np.float32)
    return np.nan_to_num(above)


def _average_locally(
    mouth_TD: NDArray[np.float32], audio_TD: NDArray[np.float32], lag: int, kernel: NDArray[np.float64]
) -> NDArray[np.float64]:
    T = len(mouth_TD)
    cosine, known = np.zeros(T), np.zeros(T)
    first, last = max(0, -lag), T - max(0, lag)
    cosine[first:last] = (mouth_TD[first:last] * audio_TD[first + lag : last + lag]).sum(axis=1)
    known[first:last] = 1
    total = np.convolve(known, kernel, mode="same")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, np.convolve(cosine, kernel, mode="same") / total, np.nan)


def _refine(curve: NDArray[np.float32], best: int) -> float:
    """Of the parabola's peak from `best`, in lags, -0.5 to 0.5."""
    if not 0 < best < len(curve) - 1 or np.isnan(curve[best - 1 : best + 2]).any():
        return 0.0
    before, here, after = (float(value) for value in curve[best - 1 : best + 2])
    bend = before - 2 * here + after
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))
