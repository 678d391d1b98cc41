"""A batch of clips: the tokens of each encoder without padding, and the slot of each in the padded sequence.

B clips, N tokens of one encoder in the batch, D width of its tokens, L slots of the longest clip (slot 0 is CLS)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.spec import Modality
from unmask.train.data.clip_table import UNKNOWN, ClipTable, combine_part_labels, derive_label
from unmask.train.data.device_transfer import Parcel, to_device
from unmask.train.data.layer_mixtures import Mixtures, align_layers, count_shared, group_encoders
from unmask.train.data.stream_tokens import StreamTokens

MODALITIES: tuple[Modality, ...] = ("image", "audio", "text", "metadata")
"""Modality m is bit m of a modality mask (`pattern`): image with audio is 0b0011."""
TIMELESS: tuple[Modality, ...] = ("text", "metadata")
"""Modalities that describe the whole recording: their tokens have no time."""

Sources = Mapping[Modality, NDArray[np.int64]]
"""(B,) per modality: the clip that gives the tokens of this modality, -1 for none. A modality that is left out is the
clip's own."""


def bit(modality: Modality) -> int:
    """Bit of the modality in a modality mask."""
    return 1 << MODALITIES.index(modality)


def count_modalities(pattern: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of modalities in each modality mask."""
    return np.asarray((pattern[..., None] >> np.arange(len(MODALITIES)) & 1).sum(axis=-1), np.int64)


BOTH = bit("image") | bit("audio")


@dataclass(frozen=True, slots=True)
class StreamBatch:
    tokens: torch.Tensor
    """(N, D) float16."""
    times: torch.Tensor
    """(N,) float32 seconds since the clip's first token of any encoder. The position of the clip in the recording would
    identify the dataset, not the manipulation."""
    slots: torch.Tensor
    """(N,) int64 row * L + slot: where the token goes in the flattened (B, L) sequences."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a batch on the host, (B,) each: reading them from the device would wait for all its work."""

    clips: NDArray[np.int64]
    """Rows of the clip table."""
    item: NDArray[np.int64]
    domain: NDArray[np.int64]
    pattern: NDArray[np.int64]
    """Modalities present, as bits."""
    label: NDArray[np.float32]
    """1 if a modality that is kept is fake (`clip_table.derive_label`), else 0, also if unknown."""
    video_known: NDArray[np.float32]
    audio_known: NDArray[np.float32]
    """1 if the manifest has a label for the modality and the modality is kept."""
    part_fake: NDArray[np.bool_]
    """A modality that is kept is known to be fake."""
    swapped: NDArray[np.bool_] | None = None
    """Clips whose image or audio is another clip's: they belong to no one dataset, and image and audio to no one
    recording. None where no clip is."""

    in_sync: NDArray[np.bool_] | None = None
    """Clips whose mouth and audio are compared in time (SyncBatch); None without a sync encoder."""

    def exclude_swapped(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """`chosen` (B,) without the swapped clips."""
        return chosen if self.swapped is None else chosen & ~self.swapped


@dataclass(frozen=True, slots=True)
class SyncBatch:
    """Sync curves (sync_curves.py) of the clips of a batch over L lags; 0 for clips without one."""

    curve_BL: torch.Tensor
    known_B: torch.Tensor
    """(B,) bool"""
    answer: Callable[[NDArray[np.int64]], tuple[torch.Tensor, torch.Tensor]]
    """Of R rows of the batch that show their own image and audio: curves (R, P, L) with the audio moved by each
    tolerated offset, and (R, K, L) with audio that does not fit. Only the loss asks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    streams: dict[str, StreamBatch]
    host: Columns
    slots: int
    """L."""
    most: dict[Modality, int]
    """Largest number of tokens per clip, by modality."""
    lengths: torch.Tensor
    """(B,) int64 slots in use, CLS included."""
    pattern: torch.Tensor
    domain: torch.Tensor
    """(B,) int64, as in `host`."""
    label: torch.Tensor
    """(B,) float32, as in `host`."""
    video: torch.Tensor
    audio: torch.Tensor
    """(B,) float32 1 fake, 0 real or unknown."""
    video_known: torch.Tensor
    audio_known: torch.Tensor
    """(B,) float32, as in `host`."""
    sync: SyncBatch | None = None
    """None without a sync encoder."""

    def __len__(self) -> int:
        return len(self.host.clips)


def make_batch(
    table: ClipTable,
    streams: Mapping[str, StreamTokens],
    clips: NDArray[np.int64],
    kept: Mapping[Modality, NDArray[np.bool_]],
    device: torch.device,
    views: NDArray[np.int64] | None = None,
    sources: Sources | None = None,
    mixtures: Mixtures = (),
) -> Batch:
    """See `TokenData.batch`."""
    sources = sources or {}
    lengths = align_layers(count_tokens(streams, clips, sources), mixtures)
    for name, stream in streams.items():
        if stream.spec.modality in kept:
            lengths[name] = lengths[name] * kept[stream.spec.modality]
    given = {modality: get_givers(clips, sources, modality) for modality in MODALITIES}
    groups = group_encoders(list(streams), mixtures)
    tokens_of = _by_modality(streams, lengths, groups, len(clips))
    used = 1 + sum(tokens_of.values(), np.zeros(len(clips), np.int64))
    host = _columns(table, clips, {modality: count > 0 for modality, count in tokens_of.items()}, given)
    parcel = Parcel(device)
    names = ("lengths", "pattern", "domain", "label", "video", "audio", "video_known", "audio_known")
    video, audio = _mark_fake(table.video_fake[given["image"]]), _mark_fake(table.audio_fake[given["audio"]])
    columns = (used, host.pattern, host.domain, host.label, video, audio, host.video_known, host.audio_known)
    for column in columns:
        parcel.add(column)
    placed = _place(streams, groups, clips, given, lengths, int(used.max()), device, views)
    taken = {name: (tokens, parcel.add(times), parcel.add(where)) for name, (tokens, times, where) in placed.items()}
    sent = parcel.send()
    columns_of: dict[str, Any] = dict(zip(names, sent, strict=False))
    return Batch(
        streams={name: StreamBatch(tokens, sent[at], sent[slots]) for name, (tokens, at, slots) in taken.items()},
        host=host,
        slots=int(used.max()),
        most={modality: int(count.max()) for modality, count in tokens_of.items()},
        **columns_of,
    )


def _place(
    streams: Mapping[str, StreamTokens],
    groups: Sequence[Sequence[str]],
    clips: NDArray[np.int64],
    given: Mapping[Modality, NDArray[np.int64]],
    lengths: Mapping[str, NDArray[np.int64]],
    slots: int,
    device: torch.device,
    views: NDArray[np.int64] | None,
) -> dict[str, tuple[torch.Tensor, NDArray[np.float32], NDArray[np.int64]]]:
    """Tokens, times and slots of each encoder. Tokens follow CLS without gaps, so padding is at the end of a clip.

    Encoders of one of the `groups` share their slots. `given`: the clip whose tokens are shown, by modality. Times of
    another clip's tokens count from its first token.
    """
    rows = np.arange(len(clips))
    next_slot = rows * slots + 1
    # Of the clip itself, then of the clip that gives each modality.
    start_s = np.full((1 + len(MODALITIES)) * len(clips), np.inf, np.float32)
    taken = {}
    for group in groups:
        for name in group:
            stream, count = streams[name], lengths[name]
            giver = given[stream.spec.modality]
            tokens, times = stream.take(giver[count > 0], None if views is None else views[count > 0])
            if stream.spec.modality in TIMELESS:
                times = np.full_like(times, np.inf)
            begins = np.where(giver == clips, 0, 1 + MODALITIES.index(stream.spec.modality)) * len(clips) + rows
            np.minimum.at(start_s, np.repeat(begins, count), times)
            where = np.repeat(next_slot - (np.cumsum(count) - count), count) + np.arange(len(times))
            taken[name] = (tokens, times, where, np.repeat(begins, count))
        next_slot = next_slot + count_shared(lengths, group)
    return {
        name: (to_device(tokens, device), _since(times, start_s[begin]), where)
        for name, (tokens, times, where, begin) in taken.items()
    }


def _since(times: NDArray[np.float32], start_s: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isinf(times), 0, times - np.where(np.isinf(start_s), 0, start_s)).astype(np.float32)


def count_tokens(
    streams: Mapping[str, StreamTokens], clips: NDArray[np.int64], sources: Sources
) -> dict[str, NDArray[np.int64]]:
    """(B,) tokens of each encoder that `clips` show, with the tokens of `sources`."""
    counts = {}
    for name, stream in streams.items():
        giver = sources.get(stream.spec.modality, clips)
        counts[name] = stream.lengths[giver] * (giver >= 0)
    return counts


def get_givers(clips: NDArray[np.int64], sources: Sources, modality: Modality) -> NDArray[np.int64]:
    """(B,) the clip itself where the modality is its own or is not shown."""
    giver = sources.get(modality, clips)
    return np.where(giver < 0, clips, giver)


def _by_modality(
    streams: Mapping[str, StreamTokens],
    lengths: Mapping[str, NDArray[np.int64]],
    groups: Sequence[Sequence[str]],
    count: int,
) -> dict[Modality, NDArray[np.int64]]:
    """(B,) number of slots by modality."""
    found = {modality: np.zeros(count, np.int64) for modality in MODALITIES}
    for group in groups:
        modality = streams[group[0]].spec.modality
        found[modality] = found[modality] + count_shared(lengths, group)
    return found


def _columns(
    table: ClipTable,
    clips: NDArray[np.int64],
    present: Mapping[Modality, NDArray[np.bool_]],
    given: Mapping[Modality, NDArray[np.int64]],
) -> Columns:
    video, audio = table.video_fake[given["image"]], table.audio_fake[given["audio"]]
    label = derive_label(table, clips, present["image"], present["audio"])
    swapped = (present["image"] & (given["image"] != clips)) | (present["audio"] & (given["audio"] != clips))
    return Columns(
        clips=clips,
        item=table.item[clips],
        domain=table.domain[clips],
        pattern=np.stack([present[modality] for modality in MODALITIES], axis=1) @ (1 << np.arange(len(MODALITIES))),
        label=_mark_fake(np.where(swapped, combine_part_labels(video, audio), label)),
        video_known=_known(video, present["image"]),
        audio_known=_known(audio, present["audio"]),
        part_fake=((video == 1) & present["image"]) | ((audio == 1) & present["audio"]),
        swapped=swapped if swapped.any() else None,
    )


def _mark_fake(column: NDArray[np.int8]) -> NDArray[np.float32]:
    return np.asarray(column == 1, np.float32)


def _known(column: NDArray[np.int8], present: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.asarray((column != UNKNOWN) & present, np.float32)
