"""A timm network without its weights, and reading weights into it.

B frames, S pixels per side, C channels, H x W positions of a feature map, D numbers per position, N tokens of a
transformer
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from unmask.cache.encoders.frozen import build_seeded
from unmask.cache.encoders.networks.efficientnet_lite0 import EfficientNetLite0
from unmask.cache.weights.folder_files import read_settings
from unmask.cache.weights.resolve import Weights
from unmask.cache.weights.tensor_files import Tensors
from unmask.core.errors import MissingInput, UnmaskError, UsageError

POSITIONS = "pos_embed"
INTERPOLATIONS = ("bicubic", "bilinear", "nearest")
# What timm raises for settings that a network cannot have.
MISFITS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

# The shipped network: it needs no timm, whose import costs more than torch's.
LITE0 = "tf_efficientnet_lite0"

_BLANKS: dict[str, Any] = {}
"""Architecture, as it shows itself -> its network without weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A timm network without its weights, and the images it expects."""

    name: str
    classes: int
    size: int
    """Pixels per side."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    """How images are resized, as torch names it."""
    arguments: dict[str, Any] = field(default_factory=dict)

    def build(self) -> nn.Module:
        if self.name == LITE0 and not self.arguments:
            return EfficientNetLite0(self.classes)
        import timm

        arguments = {"num_classes": self.classes, **self.arguments}
        network: nn.Module = timm.create_model(self.name, pretrained=False, **arguments)
        return network

    def blank(self) -> Any:
        """The network without memory for its weights, to read its shapes. `UsageError` when timm cannot make it.

        Made once: the specs of twelve layers would take a second more.
        """
        try:
            if (key := repr(self)) not in _BLANKS:
                with torch.device("meta"):
                    _BLANKS[key] = self.build().eval()
            return _BLANKS[key]
        except MISFITS as error:
            problem = f"timm makes no {self.name} with {self.arguments or 'its own settings'} ({_first_line(error)})"
            raise UsageError(problem, "check the encoder's settings, and config.json beside the weights") from error

    def as_config(self) -> dict[str, Any]:
        """Content of config.json, as timm writes it and `read_architecture` reads it."""
        look = {"mean": list(self.mean), "std": list(self.std), "interpolation": self.interpolation}
        cfg = {"input_size": [3, self.size, self.size], **look}
        named = {"architecture": self.name, "num_classes": self.classes}
        return {**named, "pretrained_cfg": cfg, "model_args": self.arguments}

    def at_most(self, size: int) -> Architecture:
        """The same for images of `size` if its own are larger."""
        smaller = replace(self, size=size, arguments=self.arguments | {"img_size": size})
        return smaller if self.size > size else self


def get_default_architecture(name: str) -> Architecture:
    """The architecture `name` as timm describes it. `MissingInput` for an unknown name."""
    if name == LITE0:
        half = (0.5, 0.5, 0.5)
        return Architecture(name=name, classes=1000, size=224, mean=half, std=half)
    import timm

    about = timm.get_pretrained_cfg(name)
    if about is None:
        raise MissingInput(
            f"{name}: no architecture of timm {timm.__version__}", "check config.json beside the weights"
        )
    return Architecture(
        name=name,
        classes=about.num_classes,
        size=about.input_size[-1],
        mean=about.mean,
        std=about.std,
        interpolation=_check_interpolation(name, about.interpolation),
    )


def read_architecture(weights: Weights, default: str) -> Architecture:
    """The architecture in config.json beside the weights; without the file, timm's `default`.

    `MissingInput` when the file is broken, or of something else than a timm network for images.
    """
    path = next((path for path in weights.others if path.name == "config.json"), None)
    if path is None:
        return get_default_architecture(default)
    about = read_settings(path)
    if not isinstance(about.get("architecture"), str):
        raise MissingInput(
            f"{path}: names no timm architecture", "set `weights` to a folder that timm saved, or to a timm name"
        )
    try:
        architecture = _read_settings(about, path)
        architecture.blank()
    except (UnmaskError, AttributeError, LookupError, TypeError, ValueError) as error:
        problem = error.problem if isinstance(error, UnmaskError) else _first_line(error)
        raise MissingInput(f"{path}: not as timm writes it ({problem})", "fetch it again") from error
    return architecture


def _read_settings(about: dict[str, Any], path: Path) -> Architecture:
    base = get_default_architecture(about["architecture"])
    look = about.get("pretrained_cfg") or {}
    return Architecture(
        name=base.name,
        classes=int(about.get("num_classes", base.classes)),
        size=int(look.get("input_size", [base.size])[-1]),
        mean=_read_channels(look.get("mean", base.mean)),
        std=_read_deviations(look.get("std", base.std)),
        interpolation=_check_interpolation(str(path), look.get("interpolation", base.interpolation)),
        arguments=dict(about.get("model_args") or {}),
    )


def _read_channels(values: Any) -> tuple[float, ...]:
    red, green, blue = map(float, values)
    return red, green, blue


def _read_deviations(values: Any) -> tuple[float, ...]:
    deviations = _read_channels(values)
    if not all(0 < value < float("inf") for value in deviations):
        raise ValueError(f"std {list(deviations)}")
    return deviations


def _check_interpolation(source: str, name: str) -> str:
    if name not in INTERPOLATIONS:
        known = ", ".join(INTERPOLATIONS)
        raise MissingInput(
            f"{source}: interpolation {name!r}, supported are {known}", "set `weights` to another network"
        )
    return name


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def load_network(architecture: Architecture, tensors: Tensors, path: Path) -> nn.Module:
    """Build the network with `tensors`. `MissingInput` when they are of another architecture."""
    # Seeded: drawing weights that are replaced below must not change the global random state.
    network = build_seeded(0, architecture.build)
    if "img_size" in architecture.arguments and POSITIONS in tensors:
        wanted = network.state_dict()[POSITIONS].shape[1]
        tensors = tensors | {POSITIONS: resize_positions(tensors[POSITIONS], wanted)}
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        problem = str(error).splitlines()[-1].strip()
        raise MissingInput(f"{path}: not the weights of {architecture.name} ({problem})", "check `weights`") from error
    return network


def resize_positions(positions_1ND: torch.Tensor, wanted: int) -> torch.Tensor:
    """Position embeddings for another number of patches: bicubic without antialiasing, as in DINOv2."""
    given = positions_1ND.shape[1]
    old, new = int(given**0.5), int(wanted**0.5)
    prefix = given - old * old  # the class token's position
    if given == wanted or prefix > 1 or wanted != new * new + prefix:
        return positions_1ND
    patches_1DHW = positions_1ND[:, prefix:].transpose(1, 2).unflatten(2, (old, old))
    resized_1DHW = F.interpolate(patches_1DHW, (new, new), mode="bicubic", align_corners=False, antialias=False)
    return torch.cat([positions_1ND[:, :prefix], resized_1DHW.flatten(2).transpose(1, 2)], dim=1)


@dataclass(frozen=True, slots=True)
class Features:
    """What a network says about B images."""

    map_BDHW: torch.Tensor
    """(B, D, H, W)"""
    class_BD: torch.Tensor | None = None
    """(B, D) of the class token; None where it was not asked for."""


def has_class_token(network: Any) -> bool:
    """Has the timm network a class token? It is the first one."""
    return getattr(network, "cls_token", None) is not None and getattr(network, "num_prefix_tokens", 0) > 0


def compute_features(
    network: Any, x_BCSS: torch.Tensor, layers: Sequence[int], *, class_token: bool = False
) -> list[Features]:
    """Features of each of `layers`; without `layers` of the last one, with the network's final norm.

    `class_token`: with that of a network that has one.
    """
    if layers:
        found = network.forward_intermediates(
            x_BCSS,
            indices=[layer - 1 for layer in layers],
            output_fmt="NCHW",
            stop_early=True,
            intermediates_only=True,
            **{"return_prefix_tokens": True} if class_token else {},
        )
        return [Features(one[0], one[1][:, 0]) if class_token else Features(one) for one in found]
    features = network.forward_features(x_BCSS)
    if features.ndim == 3:  # tokens of a transformer: class and register tokens, then the patches row by row
        patches_BND = features[:, getattr(network, "num_prefix_tokens", 0) :]
        side = round(patches_BND.shape[1] ** 0.5)
        map_BDHW = patches_BND.transpose(1, 2).unflatten(2, (side, -1))
        return [Features(map_BDHW, features[:, 0] if class_token else None)]
    return [Features(features if features.shape[1] == network.num_features else features.permute(0, 3, 1, 2))]


def find_feature_width(architecture: Architecture, network: Any, layers: Sequence[int]) -> int:
    """D of the maps of `layers`, computed from shapes only. `UsageError` when their maps cannot be averaged."""
    if isinstance(network, EfficientNetLite0) and len(layers) < 2:
        # Shapes on the device "meta" load torch's compilers, which takes as long as to load torch.
        return int(network.feature_info[layers[0] - 1]["num_chs"]) if layers else network.num_features
    x_BCSS = torch.empty(1, 3, architecture.size, architecture.size, device="meta")
    try:
        shapes = {tuple(found.map_BDHW.shape[1:]) for found in compute_features(network, x_BCSS, layers)}
    # Raised by timm's model families without such maps; RuntimeError also by kernels without shape inference.
    except MISFITS as error:
        problem = f"{architecture.name} gives no square feature map of {f'layer {layers}' if layers else 'its own'}"
        raise UsageError(f"{problem} ({error})", "leave `layer` out, or choose another network") from error
    if len(shapes) > 1:
        listed = ", ".join(" x ".join(map(str, shape)) for shape in sorted(shapes))
        raise UsageError(
            f"{architecture.name}: layers {', '.join(map(str, layers))} have maps of different shapes ({listed})",
            "choose one layer, or layers of one stage: only maps of equal shape are averaged",
        )
    return int(next(iter(shapes))[0])
