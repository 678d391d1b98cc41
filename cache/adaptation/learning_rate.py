"""The learning rate of every training here."""

from __future__ import annotations

import math


def compute_lr(lr: float, warmup: float, progress: float) -> float:
    """Learning rate when the share `progress` of all steps is done: a line up from 0 over the share `warmup`, then a
    cosine from `lr` down to 0.

    A function of progress alone, so a resumed training has no scheduler to restore.
    """
    if progress < warmup:
        return lr * progress / warmup
    return lr * 0.5 * (1.0 + math.cos(math.pi * (progress - warmup) / (1.0 - warmup)))
