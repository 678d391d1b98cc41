"""Resolve the "auto" settings for this machine: model size, batch size and accumulation, precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from unmask.cache.spec import TOKEN_WIDTH
from unmask.core.errors import UsageError
from unmask.core.machine import GIB, read_memory_gib
from unmask.train.config import TrainConfig

SizeName = Literal["large", "small"]
Precision = Literal["fp32", "bf16", "fp16"]

LARGE_NEEDS = 16 * GIB


@dataclass(frozen=True, slots=True)
class Size:
    """Size of the fusion transformer."""

    layers: int
    heads: int
    width: int
    feedforward: int
    """Hidden width of the feed-forward layers."""
    max_batch: int
    """Clips; larger batches do not train faster on the hardware this size is meant for."""


SIZES: dict[SizeName, Size] = {
    "large": Size(layers=4, heads=8, width=512, feedforward=2048, max_batch=256),
    "small": Size(layers=2, heads=4, width=256, feedforward=512, max_batch=64),
}

# Share of the free memory. The tokens may take half (stream_tokens.SHARE_OF_MEMORY); the rest is for weights, gradients
# and fragmentation.
SHARE_OF_MEMORY = 0.4
FLOAT = 4

# Fewer steps per epoch give too few updates in 30 epochs on a corpus of a few hundred clips.
STEPS_PER_EPOCH = 12
MIN_BATCH = 16


def resolve_auto(
    config: TrainConfig,
    device: torch.device,
    train_clips: int,
    *,
    processes: int = 1,
    slots: int = 1,
    tokens: int | None = None,
) -> TrainConfig:
    """`config` with size, batch size, accumulation and precision chosen for this machine.

    `slots` of the longest training clip, and its `tokens`: more than slots where layers share them (None: as many). A
    step whose activations do not fit in memory is split into several
    batches. Several `processes` share one step of the same size, in more and smaller batches. `UsageError` when
    train.accumulate is not a multiple of the processes.
    """
    size = config.size if config.size != "auto" else choose_size(device)
    precision = config.precision if config.precision != "auto" else _choose_precision(device)
    batch_size, accumulate = config.batch_size, config.accumulate
    if batch_size is None:
        whole = _choose_batch(train_clips, SIZES[size].max_batch)
        shared = processes // math.gcd(processes, accumulate)
        needed = partial(activation_bytes, SIZES[size], slots=slots, tokens=tokens, passes=count_passes(config))
        parts = -(-_count_batches(whole, needed, device) // shared) * shared
        batch_size = -(-whole // parts)
        accumulate *= parts
    if accumulate % processes:
        more = -(-accumulate // processes) * processes
        remedy = f"--set train.accumulate={more}, or leave train.batch_size out"
        raise UsageError(f"train.accumulate={accumulate} is not a multiple of the {processes} processes", remedy)
    chosen = {"size": size, "precision": precision, "batch_size": batch_size, "accumulate": accumulate}
    return config.model_copy(update=chosen)


def activation_bytes(size: Size, clips: int, slots: int, passes: float = 1.0, tokens: int | None = None) -> int:
    """Upper bound of the bytes a training step keeps for the backward pass, in float32, for `clips` of `slots` slots.

    Per token (None: one per slot): itself and its adapter. Per slot, layer and pass over the slots: the inputs of its
    norms, maps and attention, and of its feed-forward part with dropout, and a mask of all slots. Per pair of slots:
    the lag token.
    """
    layer = 9 * size.width + 4 * size.feedforward + slots
    read = 8 * TOKEN_WIDTH * (slots if tokens is None else tokens)
    return FLOAT * clips * (read + slots * (2 * slots + math.ceil(passes * size.layers) * layer))


def count_passes(config: TrainConfig) -> float:
    """How often a block reads a token: alone with its modality, and the later half with all others once more."""
    return 1.5 if config.fusion == "parts" and len(config.modalities) > 1 else 1.0


def choose_size(device: torch.device) -> SizeName:
    """large with LARGE_NEEDS bytes of free GPU memory, else small."""
    if device.type != "cuda":
        return "small"
    free, _ = torch.cuda.mem_get_info(device)
    return "large" if free >= LARGE_NEEDS else "small"


def _choose_precision(device: torch.device) -> Precision:
    if device.type != "cuda":
        return "fp32"
    # torch.cuda.is_bf16_supported() is also true for emulated bf16 (before Ampere), which is slower than fp16.
    return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"


def _count_batches(clips: int, needed: Callable[[int], int], device: torch.device) -> int:
    """Number of batches, a power of two, into which a step of `clips` must be split to fit in memory.

    `needed`: bytes for a batch of so many clips.
    """
    room = _get_memory(device) * SHARE_OF_MEMORY
    parts = 1
    while needed(-(-clips // parts)) > room and parts < clips:
        parts *= 2
    return parts


def _get_memory(device: torch.device) -> float:
    """Bytes; on a CPU the total, not the free memory, so that one machine always gives the same numbers."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else read_memory_gib()[1] * GIB


def _choose_batch(train_clips: int, most: int) -> int:
    """Largest power of two between MIN_BATCH and `most` that gives at least STEPS_PER_EPOCH steps per epoch."""
    batch = most
    while batch > MIN_BATCH and train_clips / batch < STEPS_PER_EPOCH:
        batch //= 2
    return batch
