"""Profiles: how media becomes tensors, and which encoders turn those into tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from unmask.core.settings import Settings


class PreprocessSettings(Settings):
    """Everything that changes a tensor. Not here: workers, limits of time and memory, devices, which change none.

    Loudness is left alone: a level that tells the classes apart should be seen by the audit, not hidden from it.
    """

    face_size: int = Field(224, ge=32, le=1024)
    """Pixels of the square face crop."""
    margin: float = Field(0.3, ge=0.0, le=2.0)
    """The crop's side is the detected box's longer side times 1 + margin."""
    align: bool = False
    """Turn, scale and move each crop so that the five landmarks lie where they usually do, instead of cropping around
    the box. Off by default, as turning resamples once more. Frames without a face found keep the plain crop.
    """
    frames_per_clip: int = Field(8, ge=1, le=1024)
    """Faces sampled evenly over the clip's whole window."""
    clip_seconds: float = Field(4.0, gt=0)
    hop_seconds: float | None = Field(None, ge=0.04)
    """From one clip's start to the next; None: clips are spread evenly over the recording, end to end."""
    max_clips: int = Field(4, ge=1)
    """At most so many windows an item, spread evenly over a longer recording."""
    max_faces: int = Field(1, ge=1, le=16)
    """Faces followed in a window, largest and surest first. Each is a clip of its own, with the window's sound."""
    min_seconds: float = Field(0.25, gt=0)
    """Sound shorter than this is `too_short`, or no sound of its video. A video of one frame is still a picture."""
    detector: Literal["mtcnn", "none"] = "mtcnn"
    """`none`: the files are face crops already; each frame's centre square is taken."""
    detect_side: int = Field(640, ge=64)
    """Faces are looked for on frames reduced to this longer side, and cropped from the full frame."""
    smallest_face: float = Field(0.08, gt=0, le=1)
    """Smaller faces, as a share of the frame's short side, are not looked for. The smallest sizes cost the most, and
    0.08 is 86 px in a 1080p frame, about the smallest face in the datasets.
    """
    detector_thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    """Of MTCNN's three networks."""
    min_confidence: float = Field(0.9, ge=0, le=1)
    no_face: Literal["centre", "skip"] = "centre"
    """Without a face: the centre square, marked as such, or no clip."""
    trim_silence: bool = True
    """Clips lie between the first and the last sound of a recording, pictures and sound alike. Leading silence nearly
    separates the classes of FakeAVCeleb; so it is cut off whatever the label.
    """
    silence_db: float = Field(-40.0, lt=0, ge=-120)
    """10 ms quieter than this, against the recording's loudest 10 ms, are silent."""
    sample_rate: int = Field(16_000, ge=4_000, le=192_000)
    """Hz, mono."""
    max_pixels: int = Field(100_000_000, ge=1)
    max_seconds: float = Field(4 * 3600.0, gt=0)


class EncoderChoice(Settings):
    """One encoder of a profile. None: the encoder's own default."""

    name: str
    """A key of cache.encoders.ENCODERS, or `timm:<name>` for any timm network."""
    weights: str | None = None
    """Hub name or local folder."""
    layer: int | tuple[int, ...] | None = None
    """0 is the input embedding, k the output of the k-th layer; of several the mean."""
    grid: int | None = None
    """Image tokens a frame: grid x grid."""
    tokens_per_second: float | None = None
    """Audio tokens are pooled to this rate."""
    projection: str = "orthogonal-seed0"
    """To 512: `orthogonal-seed<n>`, `pca` (fitted on the train split), or `native` for the encoder's own width."""
    precision: Literal["auto", "float32"] = "auto"
    """`auto`: half precision on a GPU, with the error bounded by a test; `float32` everywhere."""


class ViewSettings(Settings):
    """Augmented views: the same clips seen and heard otherwise, cached too, so that training on tokens can augment."""

    count: int = Field(0, ge=0, le=16)
    """Views a clip beside the clean one."""
    seed: int = 0
    strength: float = Field(1.0, gt=0, le=2)
    """Scales how far the pictures and the sound are changed."""


class Profile(Settings):
    name: str
    preprocess: PreprocessSettings = PreprocessSettings()
    encoders: tuple[EncoderChoice, ...]
    views: ViewSettings = ViewSettings()


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
