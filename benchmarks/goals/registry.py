"""Every speed goal of the project: one entry per goal, under the measurement that gives its figure."""

from __future__ import annotations

from benchmarks.goals.entries import growth, media, tokens, training, use
from benchmarks.goals.goal import Measurement

MEASUREMENTS: tuple[Measurement, ...] = (
    *media.MEASUREMENTS,
    *tokens.MEASUREMENTS,
    *training.MEASUREMENTS,
    *use.MEASUREMENTS,
    *growth.MEASUREMENTS,
)
