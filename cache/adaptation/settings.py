"""Settings of an adaptation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from unmask.core.settings import Settings
from unmask.preprocess.profiles import AugmentationSettings


class AdaptSettings(Settings):
    """All settings that change the adapted weights."""

    epochs: int = Field(10, ge=1)
    """At most; the learning rate falls to 0 over them."""
    patience: int = Field(3, ge=1)
    """Stop after this many epochs without a better validation result."""
    lr: float = Field(1e-3, gt=0)
    """Of AdamW without weight decay, for the norm layers and the head."""
    warmup: float = Field(0.1, ge=0, lt=1)
    """Share of all steps over which the learning rate rises from 0."""
    batch_size: int = Field(16, ge=1)
    """Clips per step."""
    frames: int = Field(4, ge=1)
    """Face crops per clip and step: random ones in training, evenly spaced ones in validation."""
    draws: int | None = Field(None, ge=1)
    """Clips drawn per epoch; None: as many as there are training files."""
    max_repeats: int = Field(4, ge=1)
    """Draws per file and epoch in a class that is too small for its share."""
    augment: float = Field(0.5, ge=0, le=1)
    """Share of the drawn clips that are augmented, each time anew."""
    strength: float = Field(1.0, gt=0, le=2)
    """Of the augmentations, as `views.strength`."""
    clip_norm: float = Field(1.0, gt=0)
    """Largest norm of a step's gradient."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto: fp32 on a CPU; on a GPU bf16 where it has that, else fp16. The tuned weights are always fp32."""
    datasets: tuple[str, ...] = ()
    """Train and select on these alone; (): all."""
    seed: int = Field(0, ge=0)

    @property
    def augmentation(self) -> AugmentationSettings:
        return AugmentationSettings(count=1, strength=self.strength, seed=self.seed)
