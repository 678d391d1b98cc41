"""Any timm network on face crops: one token per frame, or a k x k grid of tokens.

B frames, S pixels per side, C channels, H x W positions of the feature map, D numbers per position, T = k * k tokens
per frame
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn import functional as F

from unmask.cache.encoders.encoder_options import check_layers, only, simplify_layers
from unmask.cache.encoders.frozen import freeze
from unmask.cache.encoders.image_pooling import (
    check_grid,
    choose_pooling,
    count_parts,
    needs_class_token,
    pool_features,
)
from unmask.cache.encoders.timm_weights import (
    Architecture,
    Features,
    compute_features,
    find_feature_width,
    has_class_token,
    load_network,
    read_architecture,
)
from unmask.cache.spec import EncoderSpec
from unmask.cache.weights.checkpoint import Checkpoint
from unmask.cache.weights.resolve import obtain_weights
from unmask.cache.weights.tensor_files import read_tensors
from unmask.core.hashing import fingerprint
from unmask.preprocess.profiles import EncoderChoice


class ImageInput(Protocol):
    """The images that a network expects."""

    @property
    def size(self) -> int:
        """Pixels per side."""

    @property
    def mean(self) -> tuple[float, ...]: ...

    @property
    def std(self) -> tuple[float, ...]: ...

    @property
    def interpolation(self) -> str:
        """How images are resized, as torch names it."""


class ImageEncoder:
    """A frozen network for images. Its weights are loaded at the first `encode`."""

    is_thread_safe = True
    """See `ThreadSafeEncoder`."""

    def __init__(
        self,
        spec: EncoderSpec,
        images: ImageInput,
        load: Callable[[], nn.Module],
        device: torch.device,
        *,
        compute: Callable[..., list[Features]] = compute_features,
        highest: int | None = None,
    ) -> None:
        """`compute`: the features of its layers, called as `compute_features`. `highest` layer of the whole network;
        None: of the timm network whose Architecture is `images`.
        """
        self.spec, self._highest = spec, highest
        self._images, self._load, self._device, self._compute = images, load, device, compute
        self.checkpoint: Checkpoint | None = None
        """How it is saved after tuning; None for a network without a weights file."""

    @cached_property
    def layers(self) -> range:
        """See `LayeredEncoder`."""
        if self._highest is None and isinstance(self._images, Architecture):
            return range(1, 1 + len(self._images.blank().feature_info))
        return range(1, 1 + (self._highest or 0))

    @cached_property
    def network(self) -> Any:
        # Channels last: a quarter faster on a CPU, and the layout of half precision on a GPU.
        # torch lists no such overload of Module.to.
        return freeze(self._load(), self._device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def load(self) -> None:
        """See `ThreadSafeEncoder`."""
        _ = self.network

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, S, S, 3) uint8 RGB -> (B, T, D) float32, T = spec.tokens_per_frame, row by row of the grid."""
        with torch.inference_mode():
            return self.compute_tokens(batch)

    def encode_layers(self, batch: torch.Tensor, layers: Sequence[tuple[int, ...]]) -> list[torch.Tensor]:
        """See `LayeredEncoder`."""
        with torch.inference_mode():
            return self._compute_layers(batch, layers)

    def compute_tokens(self, batch: torch.Tensor) -> torch.Tensor:
        """`encode` with gradients for the weights that require them."""
        return self._compute_layers(batch, [self.spec.layers])[0]

    def _compute_layers(self, batch: torch.Tensor, layers: Sequence[tuple[int, ...]]) -> list[torch.Tensor]:
        """() among `layers` alone: the network's own output."""
        assert self.spec.tokens_per_frame is not None
        asked = sorted({one for several in layers for one in several})
        pooling, side = self.spec.pooling, round(self.spec.tokens_per_frame**0.5)
        found = self._compute(self.network, self._prepare(batch), asked, class_token=needs_class_token(pooling))
        of_layer = dict(zip(asked, found, strict=True)) if asked else {}
        return [
            pool_features([of_layer[one] for one in several] if several else found, pooling, side) for several in layers
        ]

    def _prepare(self, batch: torch.Tensor) -> torch.Tensor:
        x_BCSS = batch.to(self._device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
        x_BCSS = resize_images(x_BCSS, self._images.size, self._images.interpolation)
        mean, std = (torch.tensor(v, device=self._device).view(1, 3, 1, 1) for v in self._statistics)
        return (x_BCSS - mean) / std

    @property
    def _statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self._images.mean, self._images.std


def from_weights(
    choice: EncoderChoice, device: torch.device, *, default: str, at_most: int | None = None
) -> ImageEncoder:
    """Make the encoder of `choice`: `weights` is a timm name on the hub, a folder with config.json, or a weights file.

    A file alone has no configuration: it is read as the architecture `default`. `at_most`: pixels per side, for
    networks whose own input is much larger than a face.
    """
    only(choice, "weights", "layer", "grid", "pooling")
    weights = obtain_weights(choice.name, choice.weights)
    own = read_architecture(weights, default)
    architecture = own.at_most(at_most) if at_most else own

    def load() -> nn.Module:
        return load_network(architecture, read_tensors(weights.tensors), weights.tensors)

    spec = describe(choice, architecture, weights.origin, weights.hash)
    return make_saveable(ImageEncoder(spec, architecture, load, device), architecture, load)


def make_saveable(encoder: ImageEncoder, architecture: Architecture, load: Callable[[], nn.Module]) -> ImageEncoder:
    """`encoder` with the checkpoint of a folder as timm writes it."""
    encoder.checkpoint = Checkpoint(lambda: dict(load().state_dict()), {"config.json": architecture.as_config()})
    return encoder


def describe(choice: EncoderChoice, architecture: Architecture, origin: str, weights_hash: str) -> EncoderSpec:
    """Make the spec from the architecture. No weights are read."""
    network, grid = architecture.blank(), check_grid(choice)
    layers = check_layers(choice, 1, len(network.feature_info))
    pooling = choose_pooling(choice, has_class_token(network))
    look = {
        "size": architecture.size,
        "mean": architecture.mean,
        "std": architecture.std,
        "interpolation": architecture.interpolation,
    }
    return EncoderSpec(
        name=choice.name,
        modality="image",
        weights=origin,
        weights_hash=fingerprint(weights_hash, architecture.name, architecture.arguments),
        native_dim=find_feature_width(architecture, network, layers) * count_parts(pooling),
        layer=simplify_layers(layers),
        pooling=pooling,
        tokens_per_frame=grid * grid,
        normalisation=", ".join(f"{key} {_describe_value(value)}" for key, value in look.items()),
    )


def resize_images(x_BCSS: torch.Tensor, size: int, interpolation: str) -> torch.Tensor:
    """Resize float images in [0, 1] to `size` pixels per side, as Pillow and timm's own transform do."""
    if x_BCSS.shape[2:] == (size, size):
        return x_BCSS
    if interpolation == "nearest":
        return F.interpolate(x_BCSS, (size, size), mode="nearest-exact")
    # A cubic filter overshoots at edges. Pillow cuts that off after each direction, width first.
    for shape in ((x_BCSS.shape[2], size), (size, size)):
        x_BCSS = F.interpolate(x_BCSS, shape, mode=interpolation, antialias=True, align_corners=False).clamp(0, 1)
    return x_BCSS


def _describe_value(value: Any) -> str:
    return str(value) if isinstance(value, int | str) else " ".join(f"{number:g}" for number in value)
