"""What a verdict holds beside the score: evidence, scope, faces, explanation, custody. Each class says who fills it.

LLR: natural logarithm of the likelihood ratio; above 0 it supports fake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Strength = Literal["none", "weak", "moderate", "strong", "very strong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How much the score supports fake against real, by the run's validation items."""

    llr: float
    interval: tuple[float, float]
    """95 %, from resampled groups of validation items."""
    lowest: float
    highest: float
    """Bounds of the LLR that the validation items support."""
    strength: Strength
    supports: Literal["fake", "real", "neither"]
    validation_items: int = 0
    """That it was fitted on."""

    def __str__(self) -> str:
        return (
            "no evidence either way" if self.supports == "neither" else f"{self.strength} evidence of {self.supports}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDistance:
    """How far the file lies from the training items in the tokens of one encoder."""

    stream: str
    distance: float
    """1: nine of ten validation items lie nearer."""
    limit: float
    """Exceeded by few validation items; above it the file is unlike the training items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whether the run was tested on files like this one. Where it was not, the score is no basis for a verdict."""

    reliable: bool
    reasons: tuple[str, ...] = ()
    """Why it is not reliable, each a sentence part such as "no face was found"."""
    distances: tuple[TokenDistance, ...] = ()
    notes: tuple[str, ...] = ()
    """Told without making the score unreliable, such as "no training file had container webp"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceVerdict:
    """One of several faces in a file, scored apart; the file's own score is that of its dominant face."""

    face: int
    """From 0, dominant face first."""
    start_s: float
    end_s: float
    score: float
    """Calibrated probability that the image is fake, of the clips that show this face."""
    clips: int
    thumbnail: bytes
    """JPEG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """Part of a file's logit that is due to one modality in one span of time."""

    modality: str
    start_s: float
    end_s: float
    logit: float
    """Above 0 it speaks for fake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceMap:
    """Contribution of each part of one face crop, row by row from the top left."""

    time_s: float
    stream: str
    rows: tuple[tuple[float, ...], ...]
    """k rows of k logits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbor:
    """A training clip whose features are near those of the file."""

    media_id: str
    dataset: str
    path: str
    """As in the manifest of the training."""
    label: Literal["real", "fake"]
    start_s: float
    similarity: float
    """Cosine of the features, -1 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    logit: float
    """Of the file; `base` plus all contributions."""
    base: float
    """Logit of a file with mean tokens."""
    contributions: tuple[Contribution, ...]
    maps: tuple[FaceMap, ...] = ()
    neighbors: tuple[Neighbor, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be explained, and why, such as an encoder without a grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentCredentials:
    """What a C2PA manifest in the file claims. It is shown beside the estimate and changes no score."""

    state: Literal["valid", "trusted", "invalid", "none", "not read"]
    claims: tuple[str, ...] = ()
    """Lines for a reader: who signed, with what program, which actions."""
    note: str = ""
    """Why it was not read, or what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """What was judged with what, so that the verdict can be repeated."""

    sha256: str
    """Of the file as it was judged."""
    bytes: int
    program: str
    """unmask and its version."""
    run: str
    run_sha256: str
    """Of the run's settings, inputs and weights."""
    encoders: tuple[tuple[str, str], ...]
    """(stream, hash of its weights)."""
    judged_at: str
    """UTC, ISO 8601."""
    settings: tuple[tuple[str, str], ...]
    """Preprocessing settings that are not the program's defaults, device, threshold."""
    content_credentials: ContentCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """For a page; not part of the JSON."""

    frames: tuple[tuple[float, bytes], ...] = ()
    """(seconds, JPEG) of whole frames or of the image, at most 640 pixels wide."""
    faces: tuple[tuple[float, bytes], ...] = ()
    """(seconds, JPEG) of the face crops that the model saw."""
    waveform: tuple[tuple[float, float, float], ...] = ()
    """(seconds, lowest, highest sample, -1 to 1) of the audio, in at most 1,000 spans of equal length."""
    end_s: float = 0.0
    """Seconds at which the recording ends; 0 for an image, and where the file could not be read again."""
