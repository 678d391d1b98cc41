"""What "auto" means on this machine: size of the model, batch size, precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from core.errors import UsageError
from train.config import TrainConfig

SizeName = Literal["large", "small"]
Precision = Literal["fp32", "bf16", "fp16"]

GIB = 1 << 30
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

# Fewer steps than this in an epoch leave too few updates in 30 epochs on a corpus of a few hundred clips.
STEPS_PER_EPOCH = 12
MIN_BATCH = 16


def resolved(config: TrainConfig, device: torch.device, train_clips: int, processes: int = 1) -> TrainConfig:
    """`config` with size, batch size and precision chosen for this machine.

    Several `processes` share a step, which stays as large as one process's: more and smaller batches. `UsageError` when
    the batches as given do not go round.
    """
    size = config.size if config.size != "auto" else choose_size(device)
    precision = config.precision if config.precision != "auto" else _auto_precision(device)
    batch_size, accumulate = config.batch_size, config.accumulate
    if batch_size is None:
        parts = processes // math.gcd(processes, accumulate)
        batch_size = -(-_auto_batch(train_clips, SIZES[size].max_batch) // parts)
        accumulate *= parts
    if accumulate % processes:
        more = -(-accumulate // processes) * processes
        remedy = f"--set train.accumulate={more}, or leave train.batch_size out"
        raise UsageError(f"{accumulate} batches a step do not go round {processes} processes", remedy)
    chosen = {"size": size, "precision": precision, "batch_size": batch_size, "accumulate": accumulate}
    return config.model_copy(update=chosen)


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


def _auto_batch(train_clips: int, most: int) -> int:
    """The largest power of two that leaves STEPS_PER_EPOCH steps in an epoch, within MIN_BATCH and `most`."""
    batch = most
    while batch > MIN_BATCH and train_clips / batch < STEPS_PER_EPOCH:
        batch //= 2
    return batch
