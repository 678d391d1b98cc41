"""Settings of the sync encoder."""

from __future__ import annotations

from pydantic import Field

from unmask.core.settings import Settings


class SyncSettings(Settings):
    """All settings that change the learned weights."""

    steps: int = Field(600, ge=10)
    """Optimizer steps; the learning rate rises over the first tenth and falls to 0."""
    batch_size: int = Field(16, ge=2)
    """Windows per step."""
    seconds: float = Field(2.4, ge=0.8)
    """Length of a window; shorter clips repeat their last moment."""
    max_lag: float = Field(0.6, gt=0.08)
    """Seconds by which the audio is shifted at most, both ways, in the wrong answers of the same window."""
    width: int = Field(64, ge=8, le=512)
    """Of a token."""
    lr: float = Field(2e-3, gt=0)
    """Of AdamW."""
    weight_decay: float = Field(0.05, ge=0)
    dropout: float = Field(0.2, ge=0, lt=1)
    augment: bool = True
    """Move, mirror, brighten and cover the mouth; amplify, filter and cover the audio. Never in time."""
    generated: bool = False
    """Also learn from clips whose image is manipulated while their audio is not known to be: talking heads are made to
    fit their audio, so they teach what fits, and the model knows them then."""
    max_clips: int = Field(4000, ge=2)
    """Clips held in memory, about a quarter of a megabyte each; of more, a random choice."""
    datasets: tuple[str, ...] = ()
    """Datasets to learn from; empty: all."""
    seed: int = Field(0, ge=0)
