"""Any timm network over face crops: one token a frame, or a k x k grid of them.

B frames, S pixels a side, C channels, H x W places of the feature map, D numbers a place, T = k * k tokens a frame
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn
from torch.nn import functional as F

from cache.encoders.frozen import frozen, seeded
from cache.encoders.options import only, within
from cache.spec import EncoderSpec
from cache.weights import Weights, obtain_weights
from core.errors import MissingInput
from core.fingerprint import fingerprint
from preprocess.profiles import EncoderChoice

MAX_GRID = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A timm network without its weights, and the pictures it wants."""

    name: str
    classes: int
    size: int
    """Pixels a side."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    arguments: dict[str, Any] = field(default_factory=dict)

    def build(self) -> nn.Module:
        arguments = {"num_classes": self.classes, **self.arguments}
        network: nn.Module = timm.create_model(self.name, pretrained=False, **arguments)
        return network

    def blank(self) -> Any:
        """The network without memory for its weights: to ask for its widths."""
        with torch.device("meta"):
            return self.build()


class ImageEncoder:
    """A frozen timm network. Its weights are loaded at the first `encode`."""

    def __init__(
        self, spec: EncoderSpec, architecture: Architecture, load: Callable[[], nn.Module], device: torch.device
    ) -> None:
        self.spec = spec
        self._architecture, self._load, self._device = architecture, load, device

    @cached_property
    def _network(self) -> Any:
        # Channels last: a quarter faster on a CPU, and what a GPU's half precision wants.
        return frozen(self._load(), self._device).to(memory_format=torch.channels_last)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, S, S, 3) uint8 RGB -> (B, T, D) float32, T = spec.tokens_per_frame, row by row of the grid."""
        assert self.spec.tokens_per_frame is not None
        side = round(self.spec.tokens_per_frame**0.5)
        with torch.inference_mode():
            features_BDHW = self._features(self._prepared(batch)).float()
            return F.adaptive_avg_pool2d(features_BDHW, side).flatten(2).transpose(1, 2)

    def _prepared(self, batch: torch.Tensor) -> torch.Tensor:
        x_BCSS = batch.to(self._device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
        size = (self._architecture.size, self._architecture.size)
        if x_BCSS.shape[2:] != size:
            x_BCSS = F.interpolate(x_BCSS, size, mode="bilinear", antialias=True, align_corners=False)
        mean, std = (torch.tensor(v, device=self._device).view(1, 3, 1, 1) for v in self._statistics)
        return (x_BCSS - mean) / std

    @property
    def _statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self._architecture.mean, self._architecture.std

    def _features(self, x_BCSS: torch.Tensor) -> torch.Tensor:
        """(B, D, H, W): the last feature map, or that of the layer asked for."""
        network, layer = self._network, self.spec.layer
        if layer is not None:
            maps = network.forward_intermediates(
                x_BCSS, indices=[layer - 1], output_fmt="NCHW", stop_early=True, intermediates_only=True
            )
            return torch.as_tensor(maps[-1])
        features = network.forward_features(x_BCSS)
        if features.ndim == 3:  # tokens of a transformer: class and register tokens first, then the places row by row
            places_BND = features[:, getattr(network, "num_prefix_tokens", 0) :]
            side = round(places_BND.shape[1] ** 0.5)
            return torch.as_tensor(places_BND.transpose(1, 2).unflatten(2, (side, -1)))
        return torch.as_tensor(features if features.shape[1] == network.num_features else features.permute(0, 3, 1, 2))


def from_weights(choice: EncoderChoice, default: str, device: torch.device) -> ImageEncoder:
    """The encoder that `choice` names: a timm name on the hub, a folder with config.json, or a bare weights file.

    A bare file has no configuration: it is read as the architecture `default`.
    """
    only(choice, "weights", "layer", "grid")
    weights = obtain_weights(choice.name, choice.weights)
    architecture = _architecture(weights, default)

    def load() -> nn.Module:
        return loaded(architecture, _tensors(weights.tensors), weights.tensors)

    return ImageEncoder(describe(choice, architecture, weights.origin, weights.hash), architecture, load, device)


def describe(choice: EncoderChoice, architecture: Architecture, origin: str, weights_hash: str) -> EncoderSpec:
    """The spec, from the architecture alone: no weights are read."""
    network, grid = architecture.blank(), within(choice, "grid", choice.grid or 1, 1, MAX_GRID)
    widths = [int(info["num_chs"]) for info in network.feature_info]
    layer = choice.layer if choice.layer is None else within(choice, "layer", choice.layer, 1, len(widths))
    look = {"size": architecture.size, "mean": architecture.mean, "std": architecture.std}
    return EncoderSpec(
        name=choice.name,
        modality="image",
        weights=origin,
        weights_hash=fingerprint(weights_hash, architecture.name, architecture.arguments),
        native_dim=int(network.num_features) if layer is None else widths[layer - 1],
        layer=layer,
        pooling="mean" if grid == 1 else f"grid {grid}x{grid}",
        tokens_per_frame=grid * grid,
        normalisation=", ".join(f"{key} {_words(value)}" for key, value in look.items()),
    )


def loaded(architecture: Architecture, tensors: dict[str, torch.Tensor], path: Path) -> nn.Module:
    """The network with `tensors`. `MissingInput` when they are another architecture's."""
    network = seeded(
        0, architecture.build
    )  # its random weights are all replaced; the global state is not theirs to move
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        problem = str(error).splitlines()[-1].strip()
        raise MissingInput(f"{path}: not the weights of {architecture.name} ({problem})", "check `weights`") from error
    return network


def default_architecture(name: str) -> Architecture:
    """As timm describes `name`."""
    about = timm.get_pretrained_cfg(name)
    if about is None:
        raise MissingInput(
            f"{name}: no architecture of timm {timm.__version__}", "check config.json beside the weights"
        )
    return Architecture(name=name, classes=about.num_classes, size=about.input_size[-1], mean=about.mean, std=about.std)


def _architecture(weights: Weights, default: str) -> Architecture:
    path = next((path for path in weights.others if path.name == "config.json"), None)
    if path is None:
        return default_architecture(default)
    about = json.loads(path.read_text(encoding="utf-8"))
    if "architecture" not in about:
        raise MissingInput(f"{path}: names no timm architecture", "give a folder that timm saved, or a timm name")
    base = default_architecture(about["architecture"])
    look = about.get("pretrained_cfg", {})
    return Architecture(
        name=base.name,
        classes=about.get("num_classes", base.classes),
        size=look.get("input_size", [base.size])[-1],
        mean=tuple(look.get("mean", base.mean)),
        std=tuple(look.get("std", base.std)),
        arguments=about.get("model_args") or {},
    )


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    tensors: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return tensors


def _words(value: Any) -> str:
    return str(value) if isinstance(value, int) else " ".join(f"{number:g}" for number in value)
