"""The spec of an encoder: all that the rest of the program knows about it, and the key of its tokens in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import torch

from unmask.core.hashing import fingerprint

Modality = Literal["image", "audio", "text", "metadata"]
Input = Literal["image", "audio", "text", "metadata", "mouth", "clip"]
"""What an encoder reads of a clip: the arrays of its modality, the mouth crops, or its face crops all together."""

TOKEN_WIDTH = 512
"""Width of every stored token, unless the encoder's projection is `native`."""
OF_LAYER = ("name", "weights", "layer", "native_dim", "projection")
"""Fields of a spec in which the layers of one network may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpec:
    """Everything that changes a token. Device and batch size change none; tokens are always stored as float16."""

    name: str
    """Safe as part of a file name: `timm:convnext_tiny.fb_in1k` is timm-convnext_tiny.fb_in1k here."""
    modality: Modality
    weights: str
    """Where the weights come from, in words: package, hub name, local path, or "seed-0". Not part of the key."""
    weights_hash: str
    """16 hex digits of a hash over the weights' files; over the settings for an encoder without weights.

    For a user's own encoder also over the source of its module.
    """
    native_dim: int
    """Width before the projection."""
    layer: int | tuple[int, ...] | None = None
    """Tokens are the mean over several layers."""
    pooling: str = "mean"
    tokens_per_frame: int | None = None
    """Image encoders: 1, or k * k for a grid."""
    tokens_per_second: float | None = None
    """Audio encoders: the rate that tokens are pooled to."""
    normalisation: str = ""
    """Of the input, in words: "mean 0.5, std 0.5", "zero mean, unit variance per clip"."""
    projection: str = "orthogonal-seed0"
    """Or "native", or "pca-" and the hash of the fitted matrix."""
    precision: str = "auto"
    """"auto": half precision on a GPU. "float32": single precision everywhere."""
    view: str = ""
    """Name of the augmentation of the input; "" for the clean clip."""
    version: int = 1
    """Increased when the code of this encoder gives other tokens."""
    reads: Literal["", "mouth", "clip"] = ""
    """mouth: the mouth crops of a clip in order, instead of its faces one by one; clip: its faces in order."""

    def __post_init__(self) -> None:
        if isinstance(self.layer, list):  # as JSON gives it back
            object.__setattr__(self, "layer", tuple(self.layer))

    @property
    def layers(self) -> tuple[int, ...]:
        """`layer` as a tuple, in rising order; () for None."""
        return () if self.layer is None else (self.layer,) if isinstance(self.layer, int) else self.layer

    @property
    def width(self) -> int:
        """Width of a stored token."""
        return self.native_dim if self.projection == "native" else TOKEN_WIDTH

    @property
    def input(self) -> Input:
        return self.reads or self.modality

    def as_json(self) -> dict[str, Any]:
        """Without `reads` where it is empty, as before there was such a field: keys stay."""
        return {key: value for key, value in asdict(self).items() if key != "reads" or value}

    @property
    def network(self) -> str:
        """Key of the network with its weights, inputs and pooling: equal for specs that differ in their layer only."""
        return fingerprint({key: value for key, value in self.as_json().items() if key not in OF_LAYER})

    def fingerprint(self, media_fingerprint: str) -> str:
        """Name of the token store that this encoder fills from media shards of `media_fingerprint`."""
        # Moving a model folder changes no token: the hash identifies the weights wherever they are.
        identity = {key: value for key, value in self.as_json().items() if key != "weights"}
        return fingerprint("tokens-1", media_fingerprint, identity)


class Encoder(Protocol):
    """A frozen encoder: a spec and one method. B inputs of equal length, T tokens per input, D = spec.native_dim.

    image  (B, S, S, 3) uint8 RGB                          -> (B, T, D) float32, T = spec.tokens_per_frame
    clip   (B, F, S, S, 3) uint8 RGB, F faces of a clip    -> (B, F, D) float32
    mouth  (B, M, S, S) uint8 gray, MOUTH_FPS per second    -> (B, T, D) float32, T = M / MOUTH_FPS * tokens_per_second
    audio  (B, A) float32 in [-1, 1] at 16 kHz             -> (B, T, D) float32, T = A / 16000 * tokens_per_second,
                                                              rounded, at least 1
    text   list of B strings                               -> (B, 1, D) float32
    metadata  list of B dictionaries of header fields       -> (B, 1, D) float32
    """

    spec: EncoderSpec

    def encode(self, batch: Any) -> torch.Tensor: ...


class LayeredEncoder(Encoder, Protocol):
    """An encoder that gives the tokens of several layers in one pass of its network, each as `encode` would alone.

    The network ends at the highest layer of `spec`, so lower ones can be asked for, and no higher ones.
    """

    layers: range
    """Those of the whole network. Empty: `encode_layers` is not to be called, because there is nothing to choose from.
    """

    def encode_layers(self, batch: Any, layers: Sequence[tuple[int, ...]]) -> list[torch.Tensor]:
        """One (B, T, D) per entry of `layers`: of that layer, or the mean over several; D may differ between them."""


class ThreadSafeEncoder(Encoder, Protocol):
    """An encoder that several threads may call at once. On a CPU each of them encodes a batch of its own."""

    is_thread_safe: bool

    def load(self) -> None:
        """Load the network, unless it is loaded. Called before the threads are started."""
