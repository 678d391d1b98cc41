"""Profiles: how media becomes tensors, and which encoders turn those into tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from core.settings import Settings


class PreprocessSettings(Settings):
    """Everything that changes a tensor. Not here: workers, timeouts, devices, which change none."""

    face_size: int = Field(224, ge=32, le=1024)
    """Pixels of the square face crop."""
    margin: float = Field(0.3, ge=0.0, le=2.0)
    """The crop's side is the detected box's longer side times 1 + margin."""
    frames_per_clip: int = Field(8, ge=1)
    """Faces sampled evenly over the clip's whole window."""
    clip_seconds: float = Field(4.0, gt=0)
    max_clips: int = Field(4, ge=1)
    """At most so many clips an item, spread evenly over a longer recording."""
    min_seconds: float = Field(0.25, gt=0)
    """Sound shorter than this is `too_short`, or no sound of its video. A video of one frame is still a picture."""
    detect_side: int = Field(640, ge=64)
    """Faces are looked for on frames reduced to this longer side, and cropped from the full frame."""
    min_confidence: float = Field(0.9, ge=0, le=1)
    no_face: Literal["centre", "skip"] = "centre"
    """Without a face: the centre square, marked as such, or no clip."""
    sample_rate: int = 16_000
    """Hz, mono."""
    max_pixels: int = 100_000_000
    max_seconds: float = 4 * 3600.0


class EncoderChoice(Settings):
    """One encoder of a profile. None: the encoder's own default."""

    name: str
    """A key of cache.encoders.ENCODERS."""
    weights: str | None = None
    """Hub name or local folder."""
    layer: int | None = None
    """0 is the input embedding, k the output of the k-th layer."""
    grid: int | None = None
    """Image tokens a frame: grid x grid."""
    tokens_per_second: float | None = None
    """Audio tokens are pooled to this rate."""


class Profile(Settings):
    name: str
    preprocess: PreprocessSettings = PreprocessSettings()
    encoders: tuple[EncoderChoice, ...]


def offline() -> Profile:
    """Weights that installed packages ship; nothing is downloaded at run time."""
    names = ("efficientnet_lite0", "lfcc", "whisper_tiny", "minilm")
    return Profile(name="offline", encoders=tuple(EncoderChoice(name=name) for name in names))


def hub() -> Profile:
    """Weights from the model hub or from local folders."""
    names = ("vit_b16", "wav2vec2_base", "sbert")
    return Profile(name="hub", encoders=tuple(EncoderChoice(name=name) for name in names))


def tiny() -> Profile:
    """Seeded small members of the same architectures: for tests."""
    names = ("tiny_image", "tiny_audio", "tiny_text")
    small = PreprocessSettings(face_size=64, frames_per_clip=4, clip_seconds=2.0, max_clips=2, detect_side=160)
    return Profile(name="tiny", preprocess=small, encoders=tuple(EncoderChoice(name=name) for name in names))


PROFILES: dict[str, Callable[[], Profile]] = {made.__name__: made for made in (offline, hub, tiny)}
