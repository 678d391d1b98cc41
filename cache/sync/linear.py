"""The linear control of the sync encoder: what principal components and ridge regression find of the same clips.

The mouth's principal components, their differences and those of two frames before and after predict the audio's log
energies in a few bands; how well the prediction correlates with the audio at each lag takes the place of the cosine.

N frames of all clips, T frames of a clip, P = COMPONENTS, K = BANDS, D = 2 P (2 REACH_FRAMES + 1) features
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from unmask.cache.sync.comparison import compare_lags
from unmask.cache.sync.networks import FRAMES_PER_TOKEN, standardize_mouths
from unmask.cache.sync.windows import SyncClip

COMPONENTS, BANDS, REACH_FRAMES = 24, 8, 2
STRENGTH = 1.0
"""Of the ridge, per frame."""


@dataclass(frozen=True)
class LinearSync:
    components: PCA
    ridge: Ridge

    @classmethod
    def fit(cls, clips: Sequence[SyncClip], seed: int = 0) -> Self:
        mouths = [_flatten_mouth(clip) for clip in clips]
        frames = np.concatenate(mouths)
        components = PCA(min(COMPONENTS, *frames.shape), svd_solver="randomized", random_state=seed).fit(frames)
        features = np.concatenate([_describe(components, mouth) for mouth in mouths])
        bands = np.concatenate([_standardize(_average_bands(clip)) for clip in clips])
        return cls(components, Ridge(STRENGTH * len(features) / 100).fit(features, bands))

    def compute_curve(self, clip: SyncClip, reach: int) -> NDArray[np.float32]:
        """(2 reach + 1,) mean correlation over the bands at each lag; NaN as in `compare_lags`."""
        predicted = _standardize(self.ridge.predict(_describe(self.components, _flatten_mouth(clip))))
        sides = (predicted / BANDS, _standardize(_average_bands(clip)))
        mouth, audio = (torch.from_numpy(side.astype(np.float32))[None] for side in sides)
        curve: NDArray[np.float32] = compare_lags(mouth, audio, reach)[0].numpy()
        return curve


def _flatten_mouth(clip: SyncClip) -> NDArray[np.float32]:
    """(T, H * H)"""
    mouth: NDArray[np.float32] = standardize_mouths(torch.from_numpy(clip.mouth).float()[None])[0].flatten(1).numpy()
    return mouth


def _describe(components: PCA, mouth: NDArray[np.float32]) -> NDArray[np.float64]:
    """(T, D)"""
    place = components.transform(mouth)
    both = np.concatenate([place, np.diff(place, axis=0, prepend=place[:1])], axis=1)
    frames = np.arange(len(both))
    near = [np.clip(frames + lag, 0, len(both) - 1) for lag in range(-REACH_FRAMES, REACH_FRAMES + 1)]
    return np.concatenate([both[at] for at in near], axis=1)


def _average_bands(clip: SyncClip) -> NDArray[np.float64]:
    """(T, K) mean log energy per frame of the video, in bands of neighboring mel bands."""
    mel = clip.mel.astype(np.float64)
    bands: NDArray[np.float64] = mel.reshape(len(clip), FRAMES_PER_TOKEN, BANDS, -1).mean(axis=(1, 3))
    return bands


def _standardize(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each column with zero mean and unit deviation over the clip."""
    spread: NDArray[np.float64] = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)
    return spread
