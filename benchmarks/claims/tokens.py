"""Synthetic tokens with the statistics of a frozen encoder's, and the items that have them, ready to train on.

M items, T tokens per item, D width of a token
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.spec import EncoderSpec, Modality
from unmask.cache.store.profile_index import ProfileTokens
from unmask.cache.store.token_store import TokenStore, create_store, write_tokens
from unmask.manifests.manifest import Kind, Manifest, MediaRow, Split, from_rows
from unmask.preprocess.profiles import tiny
from unmask.train.data.token_data import TokenData

WIDTH = 128
# Share of the tokens' energy that is the same in every clip: 50 to 91 % after LayerNorm on real media.
COMMON = 0.7
# Share of the remaining variance that all tokens of an item have in common.
OF_ITEM = 0.5
ENCODERS: dict[str, Modality] = {"eye": "image", "ear": "audio"}
SHARD = "shard-0.zarr"

Bits = NDArray[np.int64]
Floats = NDArray[np.float64]
Halves = NDArray[np.float16]


@dataclass(frozen=True)
class TokenSource:
    """Gaussian tokens: a common mean, and variances that fall as 1 / k along the axes of a random rotation.

    Signals are given along these axes, in standard deviations.
    """

    mean: Floats
    """(D,)"""
    deviation: Floats
    """(D,) along each axis."""
    axes: Floats
    """(D, D) the rotation."""

    @classmethod
    def of(cls, random: np.random.Generator) -> Self:
        variance = 1 / np.arange(1, WIDTH + 1)
        mean = random.standard_normal(WIDTH)
        mean *= np.sqrt(COMMON / (1 - COMMON) * variance.sum() / (mean @ mean))
        axes, _ = np.linalg.qr(random.standard_normal((WIDTH, WIDTH)))
        return cls(mean, np.sqrt(variance), axes)

    def draw(self, random: np.random.Generator, signal: Floats, tokens: int) -> Halves:
        """(M, T, D) tokens that contain `signal`, (M, T, D) or (M, 1, D)."""
        of_item = np.sqrt(OF_ITEM) * random.standard_normal((len(signal), 1, WIDTH))
        of_token = np.sqrt(1 - OF_ITEM) * random.standard_normal((len(signal), tokens, WIDTH))
        drawn: Halves = (((of_item + of_token + signal) * self.deviation) @ self.axes + self.mean).astype(np.float16)
        return drawn


def draw_direction(random: np.random.Generator, axes: int) -> Floats:
    """(D,) unit vector along the first `axes` axes, those of the largest variance."""
    direction = random.standard_normal(WIDTH)
    direction[axes:] = 0
    unit: Floats = direction / np.linalg.norm(direction)
    return unit


@dataclass(frozen=True, kw_only=True)
class Items:
    """Columns of M items."""

    label: Bits
    """(M,) 1 fake, 0 real, as the manifest says: problems with wrong labels give wrong ones, except in test."""
    split: NDArray[np.str_]
    dataset: NDArray[np.str_]
    kind: NDArray[np.str_]
    """An item of kind image has no audio, one of kind audio no image."""
    image: Halves
    audio: Halves
    """(M, T, D) tokens."""
    video_fake: Bits
    audio_fake: Bits
    """(M,) 1 fake, 0 real, -1: the manifest does not say."""
    tokens_per_second: float = 2.0

    @cached_property
    def rows(self) -> tuple[MediaRow, ...]:
        names = sorted(set(self.dataset.tolist()))
        return tuple(self._make_row(number, names) for number in range(len(self.label)))

    def _make_row(self, number: int, datasets: list[str]) -> MediaRow:
        dataset = str(self.dataset[number])
        kind: Kind = str(self.kind[number])  # type: ignore[assignment]
        split: Split = str(self.split[number])  # type: ignore[assignment]
        return MediaRow(
            media_id=hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest(),
            dataset=dataset,
            domain_id=datasets.index(dataset),
            path=str(number),
            kind=kind,
            label=int(self.label[number]),
            video_fake=None if kind == "audio" else _read_flag(self.video_fake[number]),
            audio_fake=None if kind == "image" else _read_flag(self.audio_fake[number]),
            method="synthetic" if self.label[number] else "none",
            group=str(number),
            split=split,
        )

    def write(self, folder: Path) -> tuple[Manifest, TokenData]:
        """Write token stores into `folder` and hold their tokens in memory."""
        stores = {name: self._write_store(folder / name, modality) for name, modality in ENCODERS.items()}
        manifest = from_rows(self.rows, {})
        data = TokenData.load(manifest, ProfileTokens(tiny(), "media", [SHARD], stores))
        return manifest, data.move_to(torch.device("cpu"))

    def _write_store(self, folder: Path, modality: Modality) -> TokenStore:
        present = (self.kind == "video") | (self.kind == modality)
        tokens = self.image if modality == "image" else self.audio
        spec = EncoderSpec(
            name=folder.name,
            modality=modality,
            weights="none",
            weights_hash=hashlib.blake2b(tokens.tobytes(), digest_size=8).hexdigest(),
            native_dim=WIDTH,
            projection="native",
        )
        create_store(folder, spec, "media")
        keys = [(row.media_id, 0) for row, there in zip(self.rows, present.tolist(), strict=True) if there]
        times = np.tile(np.arange(tokens.shape[1]) / self.tokens_per_second, len(keys)).astype(np.float32)
        flat, lengths = tokens[present].reshape(-1, WIDTH), [tokens.shape[1]] * len(keys)
        write_tokens(folder / SHARD, spec.fingerprint("media"), keys, flat, times, lengths)
        return TokenStore(folder)


def _read_flag(value: np.int64) -> bool | None:
    return None if value < 0 else bool(value)


def hide(data: TokenData, modalities: tuple[Modality, ...]) -> TokenData:
    """`data` whose test clips lack one modality each, the `modalities` in turns."""
    test = np.flatnonzero(data.clips.split == "test")
    streams = dict(data.streams)
    for name, stream in data.streams.items():
        if stream.spec.modality in modalities:
            lengths = stream.lengths.copy()
            lengths[test[modalities.index(stream.spec.modality) :: len(modalities)]] = 0
            streams[name] = replace(stream, lengths=lengths)
    return replace(data, streams=streams)
