"""What "auto" means on this machine: size of the model, batch size and accumulation, precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from unmask.cache.spec import TOKEN_WIDTH
from unmask.core.errors import UsageError
from unmask.core.machine import GIB, memory_gib
from unmask.train.config import TrainConfig

SizeName = Literal["large", "small"]
Precision = Literal["fp32", "bf16", "fp16"]

LARGE_NEEDS = 16 * GIB


@dataclass(frozen=True, slots=True)
class Size:
    """Of the fusion transformer."""

    layers: int
    heads: int
    width: int
    feedforward: int
    """Hidden width of a block's feed-forward part."""
    max_batch: int
    """Clips; more than this does not train faster on the hardware the size is meant for."""


SIZES: dict[SizeName, Size] = {
    "large": Size(layers=4, heads=8, width=512, feedforward=2048, max_batch=256),
    "small": Size(layers=2, heads=4, width=256, feedforward=512, max_batch=64),
}

# Of the memory that is free. Tokens may have taken half (tokens.SHARE_OF_MEMORY); weights, gradients and what the
# allocator cannot use have the rest.
SHARE_OF_MEMORY = 0.4
FLOAT = 4

# Fewer steps than this in an epoch leave too few updates in 30 epochs on a corpus of a few hundred clips.
STEPS_PER_EPOCH = 12
MIN_BATCH = 16


def resolved(
    config: TrainConfig, device: torch.device, train_clips: int, *, processes: int = 1, slots: int = 1
) -> TrainConfig:
    """`config` with size, batch size, accumulation and precision chosen for this machine.

    `slots`: of the longest training clip. A step whose activations would not fit the memory is taken in several
    batches. Several `processes` share a step, which stays as large as one process's: more and smaller batches.
    `UsageError` when the batches as given do not go round.
    """
    size = config.size if config.size != "auto" else choose_size(device)
    precision = config.precision if config.precision != "auto" else _auto_precision(device)
    batch_size, accumulate = config.batch_size, config.accumulate
    if batch_size is None:
        whole = _auto_batch(train_clips, SIZES[size].max_batch)
        shared = processes // math.gcd(processes, accumulate)
        parts = -(-_parts(whole, SIZES[size], slots, device) // shared) * shared
        batch_size = -(-whole // parts)
        accumulate *= parts
    if accumulate % processes:
        more = -(-accumulate // processes) * processes
        remedy = f"--set train.accumulate={more}, or leave train.batch_size out"
        raise UsageError(f"{accumulate} batches a step do not go round {processes} processes", remedy)
    chosen = {"size": size, "precision": precision, "batch_size": batch_size, "accumulate": accumulate}
    return config.model_copy(update=chosen)


def activation_bytes(size: Size, clips: int, slots: int) -> int:
    """At most what a training step keeps for its backward pass, in float32, for `clips` of `slots` tokens each.

    Per slot: its tokens and adapters; per layer the inputs of its norms, maps and attention, and of its feed-forward
    part with dropout; and a mask of all slots.
    """
    layer = 9 * size.width + 4 * size.feedforward + slots
    return FLOAT * clips * slots * (8 * TOKEN_WIDTH + size.layers * layer)


def choose_size(device: torch.device) -> SizeName:
    """large with LARGE_NEEDS bytes of free GPU memory, else small."""
    if device.type != "cuda":
        return "small"
    free, _ = torch.cuda.mem_get_info(device)
    return "large" if free >= LARGE_NEEDS else "small"


def _auto_precision(device: torch.device) -> Precision:
    if device.type != "cuda":
        return "fp32"
    # Emulated bf16 (before Ampere) is slower than fp16, and the plain question counts it as support.
    return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"


def _parts(clips: int, size: Size, slots: int, device: torch.device) -> int:
    """Into how many batches, a power of two, a step of `clips` has to be cut to fit."""
    room = _memory(device) * SHARE_OF_MEMORY
    parts = 1
    while activation_bytes(size, -(-clips // parts), slots) > room and parts < clips:
        parts *= 2
    return parts


def _memory(device: torch.device) -> float:
    """Bytes. On a CPU all there is, not what is free: the same machine then gives the same numbers."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else memory_gib()[1] * GIB


def _auto_batch(train_clips: int, most: int) -> int:
    """The largest power of two that leaves STEPS_PER_EPOCH steps in an epoch, within MIN_BATCH and `most`."""
    batch = most
    while batch > MIN_BATCH and train_clips / batch < STEPS_PER_EPOCH:
        batch //= 2
    return batch
