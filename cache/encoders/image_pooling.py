"""From the features of an image to its tokens: the mean over patches, a grid of means, the class token, or both.

B images, D numbers per patch, H x W patches, T = k * k tokens of a k x k grid, L layers
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from unmask.cache.encoders.encoder_options import check_range
from unmask.cache.encoders.timm_weights import Features
from unmask.core.errors import UsageError
from unmask.preprocess.profiles import EncoderChoice

MAX_GRID = 16
MEAN, CLASS, BOTH = "mean", "cls", "cls+mean"


def check_grid(choice: EncoderChoice) -> int:
    """Tokens per side. `UsageError` outside 1 to 16, and for a grid of class tokens."""
    grid = check_range(choice, "grid", 1 if choice.grid is None else choice.grid, 1, MAX_GRID)
    if grid > 1 and choice.pooling not in (None, MEAN):
        problem = f"encoder {choice.name}: grid {grid} with pooling {choice.pooling}"
        raise UsageError(problem, "an image has one class token: leave `grid` out, or set `pooling` to mean")
    return grid


def choose_pooling(choice: EncoderChoice, class_token: bool) -> str:
    """`pooling` of the spec. `class_token`: has the network one? `UsageError` for `cls` where it has none."""
    if needs_class_token(choice.pooling) and not class_token:
        problem = f"encoder {choice.name}: pooling {choice.pooling}, and its network has no class token"
        raise UsageError(problem, "set `pooling` to mean, or choose a vision transformer with a class token")
    grid = check_grid(choice)
    return f"grid {grid}x{grid}" if grid > 1 else choice.pooling or MEAN


def needs_class_token(pooling: str | None) -> bool:
    return pooling in (CLASS, BOTH)


def count_parts(pooling: str) -> int:
    """Vectors of the network's width that one token is made of."""
    return 2 if pooling == BOTH else 1


def pool_features(layers: Sequence[Features], pooling: str, side: int) -> torch.Tensor:
    """L layers of B images -> (B, T, D) float32, T = side * side row by row; (B, 1, 2 D) for both.

    The mean over layers, and over the patches of each cell of the grid; of `cls+mean` the class token comes first.
    """
    parts = []
    if needs_class_token(pooling):
        found = [layer.class_BD for layer in layers if layer.class_BD is not None]
        parts.append(_average(found).unsqueeze(1))
    if pooling != CLASS:
        mean_BDHW = _average([layer.map_BDHW for layer in layers])
        parts.append(F.adaptive_avg_pool2d(mean_BDHW, side).flatten(2).transpose(1, 2))
    return torch.cat(parts, dim=2)


def _average(layers: Sequence[torch.Tensor]) -> torch.Tensor:
    """The mean in float32. The map of one layer is not copied for it: those of early layers are large."""
    if len(layers) == 1:
        return layers[0].float()
    return torch.stack([one.float() for one in layers]).mean(dim=0)
