"""How well mouth and audio of each clip fit at each time difference, from the tokens of the sync encoder.

The model reads a curve per clip instead of the tokens: 25 of them per second and side would be most of its sequence.

C clips of the table, B clips of a batch, L lags (comparison.list_lags), K wrong answers, P tolerated offsets
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.spec import Modality
from unmask.cache.sync.comparison import LEAST_TOKENS, REACH, TOLERANCE, center, compare_lags
from unmask.preprocess.encoder_names import SYNC
from unmask.preprocess.profiles import MOUTH_FPS
from unmask.train.data.batch import Batch, Sources, SyncBatch, bit, get_givers
from unmask.train.data.clip_table import ClipTable
from unmask.train.data.stream_tokens import StreamTokens

SHIFTS = tuple(round(sign * seconds * MOUTH_FPS) for seconds in (0.2, 0.4, 0.8, 1.6) for sign in (-1, 1))
"""By which audio that does not fit is moved, in tokens."""
PARTNERS = 4
"""Clips whose audio is a wrong answer too."""
FAR = REACH + max(SHIFTS)
# Clips compared at once.
BLOCK = 256


@dataclass(frozen=True)
class SyncCurves:
    """The tokens of both sides, and what is computed of them."""

    names: tuple[str, str]
    """Of the encoders in the profile, image first."""
    image: StreamTokens
    audio: StreamTokens
    split: NDArray[np.str_]
    """(C,) wrong answers are of the same split."""
    item: NDArray[np.int64]
    """(C,) and of another media file."""

    @classmethod
    def find(cls, streams: Mapping[str, StreamTokens], clips: ClipTable) -> Self | None:
        """Of the first sync encoder among `streams`; None unless both of its sides are there."""
        found: dict[Modality, str] = {}
        for name, stream in streams.items():
            if stream.spec.name == SYNC:
                found.setdefault(stream.spec.modality, name)
        if set(found) != {"image", "audio"}:
            return None
        image, audio = found["image"], found["audio"]
        return cls((image, audio), streams[image], streams[audio], clips.split, clips.item)

    @property
    def sides(self) -> dict[str, StreamTokens]:
        """By name."""
        return dict(zip(self.names, (self.image, self.audio), strict=True))

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """(C,) clips that are long enough to be compared."""
        return np.minimum(self.image.lengths, self.audio.lengths) >= LEAST_TOKENS

    def count_tokens(self, clips: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) tokens that both sides of each of `clips` have."""
        return np.minimum(self.image.lengths[clips], self.audio.lengths[clips])

    @cached_property
    def _own(self) -> NDArray[np.float32]:
        """(C, 2 FAR + 1)"""
        clips = np.arange(len(self.known))
        return fill_lags(self.compare(clips, clips, FAR))

    @cached_property
    def _foreign(self) -> NDArray[np.float32]:
        """(C, PARTNERS, L) with audio of other clips."""
        partners = draw_partners(self.known, self.split, self.item)
        clips = np.repeat(np.arange(len(partners)), PARTNERS)
        curves = fill_lags(self.compare(np.where(partners.ravel() >= 0, clips, -1), partners.ravel(), REACH))
        return curves.reshape(len(partners), PARTNERS, -1)

    def compare(self, images: NDArray[np.int64], audios: NDArray[np.int64], reach: int) -> NDArray[np.float32]:
        """(N, 2 reach + 1) curve of the mouth of each of `images` with the audio of each of `audios`, (N,) clips.

        NaN at a lag that leaves too little to compare, and everywhere if either clip is -1 or too short.
        """
        curves = np.full((len(images), 2 * reach + 1), np.nan, np.float32)
        lengths = np.minimum(self.image.lengths[images], self.audio.lengths[audios])
        lengths[(images < 0) | (audios < 0)] = 0
        for length in np.unique(lengths[lengths >= LEAST_TOKENS]).tolist():
            rows = np.flatnonzero(lengths == length)
            for part in np.array_split(rows, -(-len(rows) // BLOCK)):
                sides = ((self.image, images[part]), (self.audio, audios[part]))
                mouth, audio = (center(_stack_tokens(stream, clips, length)) for stream, clips in sides)
                curves[part] = compare_lags(mouth, audio, reach).numpy()
        return curves

    def add_to(self, batch: Batch, sources: Sources) -> Batch:
        """`batch` with the curves of its clips; `sources` as in `TokenData.batch`."""
        host = batch.host
        images, audios = (
            np.where(host.pattern & bit(modality) > 0, get_givers(host.clips, sources, modality), -1)
            for modality in ("image", "audio")
        )
        known = (images >= 0) & (audios >= 0) & self.known[images] & self.known[audios]
        curve = self._show(images, audios) * known[:, None]
        curve_BL, known_B = (torch.from_numpy(part).to(batch.label.device) for part in (curve, known))
        sync = SyncBatch(curve_BL, known_B, partial(self._answer, host.clips, batch.label.device))
        return replace(batch, sync=sync, host=replace(host, in_sync=known))

    def _show(self, images: NDArray[np.int64], audios: NDArray[np.int64]) -> NDArray[np.float32]:
        """(B, L) curves of the image of `images` with the audio of `audios`, (B,) clips each, -1 for none."""
        own = images == audios
        curve = _move(self._own[np.where(own & (images >= 0), images, 0)], (0,))[:, 0]
        curve[~own] = fill_lags(self.compare(images[~own], audios[~own], REACH))
        return curve

    def _answer(
        self, clips: NDArray[np.int64], device: torch.device, rows: NDArray[np.int64]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`SyncBatch.answer` of a batch of `clips`."""
        chosen = clips[rows]
        right, shifted = (_move(self._own[chosen], moves) for moves in (range(-TOLERANCE, TOLERANCE + 1), SHIFTS))
        wrong = np.concatenate([shifted, self._foreign[chosen]], axis=1)
        return torch.from_numpy(right).to(device), torch.from_numpy(wrong).to(device)


def draw_partners(
    known: NDArray[np.bool_], split: NDArray[np.str_], item: NDArray[np.int64], seed: int = 0
) -> NDArray[np.int64]:
    """(C, PARTNERS) another known clip of the same split and of another file each; -1 where none was drawn."""
    random = np.random.default_rng(seed)
    partners = np.full((len(known), PARTNERS), -1, np.int64)
    for name in np.unique(split[known]):
        clips = np.flatnonzero(known & (split == name))
        drawn = clips[random.integers(len(clips), size=(len(clips), PARTNERS))]
        partners[clips] = np.where(item[drawn] == item[clips][:, None], -1, drawn)
    return partners


def _stack_tokens(stream: StreamTokens, clips: NDArray[np.int64], length: int) -> torch.Tensor:
    """(N, length, D) float32, the first tokens of each clip, on the CPU."""
    tokens, _ = stream.take(clips)
    ends = np.cumsum(stream.lengths[clips])
    rows = (ends - stream.lengths[clips])[:, None] + np.arange(length)
    return tokens.cpu().float()[torch.from_numpy(rows)]


def fill_lags(curves: NDArray[np.float32]) -> NDArray[np.float32]:
    """`curves` (N, lags) with the mean of the row in place of NaN, 0 in a row of NaN alone."""
    known = ~np.isnan(curves)
    sums, counts = np.where(known, curves, 0).sum(axis=1, keepdims=True), known.sum(axis=1, keepdims=True)
    return np.where(known, curves, sums / np.maximum(counts, 1)).astype(np.float32)


def _move(long: NDArray[np.float32], moves: Sequence[int]) -> NDArray[np.float32]:
    """(B, len(moves), L) the middle of `long` (B, 2 FAR + 1) with the audio moved by so many tokens."""
    starts = [FAR - REACH - move for move in moves]
    return np.stack([long[:, start : start + 2 * REACH + 1] for start in starts], axis=1)
