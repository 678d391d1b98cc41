"""What the rest of the program may know about an encoder. The spec is the cache key."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import torch

from unmask.core.hashing import fingerprint

Modality = Literal["image", "audio", "text", "metadata"]

TOKEN_WIDTH = 512
"""D of every stored token, whatever the encoder's own width, unless its projection is `native`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpec:
    """Everything that changes a token. Not here: device, batch size, precision of storage, which is float16 always."""

    name: str
    """Of the encoder, safe as part of a file name: `timm:convnext_tiny.fb_in1k` is timm-convnext_tiny.fb_in1k here."""
    modality: Modality
    weights: str
    """Where the weights come from, in words: package, hub name, local path, or "seed-0". Not part of the key."""
    weights_hash: str
    """SHA-256 (first 16 hex digits) of the weights' files; of the settings for an encoder without weights."""
    native_dim: int
    """D before the projection."""
    layer: int | tuple[int, ...] | None = None
    """Of several the mean."""
    pooling: str = "mean"
    tokens_per_frame: int | None = None
    """Image encoders: 1, or k * k for a grid."""
    tokens_per_second: float | None = None
    """Audio encoders: the rate tokens are pooled to."""
    normalisation: str = ""
    """Of the input, in words: "mean 0.5, std 0.5", "zero mean, unit variance per clip"."""
    projection: str = "orthogonal-seed0"
    """Or "native", or "pca-" and the hash of the matrix that was fitted."""
    precision: str = "auto"
    """"auto": half precision on a GPU; "float32" everywhere."""
    view: str = ""
    """Names the augmentation of the input; "" is the clean clip."""
    version: int = 1
    """Raised when the code of this encoder starts to give other tokens."""

    def __post_init__(self) -> None:
        if isinstance(self.layer, list):  # as JSON gives it back
            object.__setattr__(self, "layer", tuple(self.layer))

    @property
    def layers(self) -> tuple[int, ...]:
        """All of `layer`, in rising order; () for None."""
        return () if self.layer is None else (self.layer,) if isinstance(self.layer, int) else self.layer

    @property
    def width(self) -> int:
        """Of a stored token."""
        return self.native_dim if self.projection == "native" else TOKEN_WIDTH

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def fingerprint(self, media_fingerprint: str) -> str:
        """Name of the cache this encoder fills from media shards of `media_fingerprint`."""
        # Moving a model folder changes no token: the hash says what the weights are, wherever they lie.
        identity = {key: value for key, value in self.as_json().items() if key != "weights"}
        return fingerprint("tokens-1", media_fingerprint, identity)


class Encoder(Protocol):
    """A frozen encoder: a spec and one method. B items of equal length, T tokens an item, D = spec.native_dim.

    image  (B, S, S, 3) uint8 RGB                          -> (B, T, D) float32, T = spec.tokens_per_frame
    audio  (B, A) float32 in [-1, 1] at 16 kHz             -> (B, T, D) float32, T = A / 16000 * tokens_per_second,
                                                              rounded, at least 1
    text   list of B strings                               -> (B, 1, D) float32
    metadata  list of B dictionaries of probe facts        -> (B, 1, D) float32
    """

    spec: EncoderSpec

    def encode(self, batch: Any) -> torch.Tensor: ...
