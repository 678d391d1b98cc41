"""A batch of clips: the tokens of each encoder without any padding, and where each goes in the padded sequence.

B clips, N tokens of one encoder in the batch, D width of its tokens, L slots of the longest clip (slot 0 is CLS)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache.spec import Modality
from train.clips import UNKNOWN, ClipTable
from train.tokens import StreamTokens

MODALITIES: tuple[Modality, ...] = ("image", "audio", "text", "metadata")
"""Modality m is bit m of a modality pattern: a picture with sound is 0b0011."""
TIMELESS: tuple[Modality, ...] = ("text", "metadata")
"""They say something about the whole recording, at no particular second."""


@dataclass(frozen=True, slots=True)
class StreamBatch:
    tokens: torch.Tensor
    """(N, D) float16."""
    times: torch.Tensor
    """(N,) float32 seconds since the clip's first token of any encoder: how far into the recording the clip lies would
    tell the datasets apart, not the forgeries."""
    slots: torch.Tensor
    """(N,) int64 row * L + slot: where the token goes in the flattened (B, L) sequences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    streams: dict[str, StreamBatch]
    clips: NDArray[np.int64]
    """(B,) rows of the clip table."""
    slots: int
    """L."""
    lengths: torch.Tensor
    """(B,) int64 slots in use, CLS included."""
    pattern: torch.Tensor
    """(B,) int64 modalities present, as bits."""
    domain: torch.Tensor
    """(B,) int64."""
    label: torch.Tensor
    """(B,) float32 1 fake, 0 real (0 also where unknown: such clips are only scored)."""
    video: torch.Tensor
    audio: torch.Tensor
    """(B,) float32 1 forged, 0 not or unknown."""
    video_known: torch.Tensor
    audio_known: torch.Tensor
    """(B,) float32 1 where the manifest says it and the modality is in: sound cannot teach about the picture."""

    def __len__(self) -> int:
        return len(self.clips)


def make_batch(
    table: ClipTable,
    streams: Mapping[str, StreamTokens],
    clips: NDArray[np.int64],
    kept: Mapping[Modality, NDArray[np.bool_]],
    device: torch.device,
    views: NDArray[np.int64] | None = None,
) -> Batch:
    """See `TokenData.batch`."""
    lengths = {name: stream.lengths[clips] for name, stream in streams.items()}
    for name, stream in streams.items():
        if stream.spec.modality in kept:
            lengths[name] = lengths[name] * kept[stream.spec.modality]
    used = 1 + sum(lengths.values(), np.zeros(len(clips), np.int64))
    slots = int(used.max())
    present = _present(streams, lengths, len(clips))
    return Batch(
        streams=_place(streams, clips, lengths, slots, device, views),
        clips=clips,
        slots=slots,
        lengths=_send(used, device),
        pattern=_send(_bits(present), device),
        domain=_send(table.domain[clips], device),
        label=_send(_value(table.label[clips]), device),
        video=_send(_value(table.video_fake[clips]), device),
        audio=_send(_value(table.audio_fake[clips]), device),
        video_known=_send(_known(table.video_fake[clips], present["image"]), device),
        audio_known=_send(_known(table.audio_fake[clips], present["audio"]), device),
    )


def _place(
    streams: Mapping[str, StreamTokens],
    clips: NDArray[np.int64],
    lengths: Mapping[str, NDArray[np.int64]],
    slots: int,
    device: torch.device,
    views: NDArray[np.int64] | None,
) -> dict[str, StreamBatch]:
    """Lay the encoders' tokens one after another behind CLS, so that padding is only at the end of a clip."""
    rows = np.arange(len(clips))
    next_slot = rows * slots + 1
    start_s = np.full(len(clips), np.inf, np.float32)
    taken = {}
    for name, stream in streams.items():
        count = lengths[name]
        tokens, times = stream.take(clips[count > 0], None if views is None else views[count > 0])
        if stream.spec.modality in TIMELESS:
            times = np.full_like(times, np.inf)
        np.minimum.at(start_s, np.repeat(rows, count), times)
        where = np.repeat(next_slot - (np.cumsum(count) - count), count) + np.arange(len(times))
        taken[name] = (tokens, times, where, np.repeat(rows, count))
        next_slot = next_slot + count
    return {
        name: StreamBatch(_move(tokens, device), _send(_since(times, start_s[row]), device), _send(where, device))
        for name, (tokens, times, where, row) in taken.items()
    }


def _since(times: NDArray[np.float32], start_s: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isinf(times), 0, times - np.where(np.isinf(start_s), 0, start_s)).astype(np.float32)


def _present(
    streams: Mapping[str, StreamTokens], lengths: Mapping[str, NDArray[np.int64]], count: int
) -> dict[Modality, NDArray[np.bool_]]:
    present = {modality: np.zeros(count, np.bool_) for modality in MODALITIES}
    for name, stream in streams.items():
        present[stream.spec.modality] |= lengths[name] > 0
    return present


def _bits(present: Mapping[Modality, NDArray[np.bool_]]) -> NDArray[np.int64]:
    columns = np.stack([present[modality] for modality in MODALITIES], axis=1)
    bits: NDArray[np.int64] = columns @ (1 << np.arange(len(MODALITIES)))
    return bits


def _value(column: NDArray[np.int8]) -> NDArray[np.float32]:
    return np.asarray(column == 1, np.float32)


def _known(column: NDArray[np.int8], present: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.asarray((column != UNKNOWN) & present, np.float32)


def _send(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    return _move(torch.from_numpy(np.ascontiguousarray(array)), device)


def _move(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    if tensor.device == device or device.type != "cuda":
        return tensor.to(device)
    # Only a pinned copy is asynchronous; PyTorch keeps the pinned block until the copy is done.
    return tensor if tensor.is_cuda else tensor.pin_memory().to(device, non_blocking=True)
