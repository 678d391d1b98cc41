"""The three networks of MTCNN (Zhang et al., IEEE Signal Processing Letters 2016) with facenet-pytorch's weights.

The package facenet-pytorch is not imported: it loads torchvision with its models and compilers, which costs more than
torch itself. Its networks are written down here, layer by layer, so the results are the same to the last bit; of
torchvision only the compiled operations are loaded.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from unmask.core.errors import MissingInput


class MaxPool(nn.Module):
    """Maxima of squares of `side` cells, two cells apart, where the last may hang over: torch's with `ceil_mode`.

    First down, then across, which gives the same numbers. torch's own also returns the place of each maximum and took a
    tenth of a search longer.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._reduce(self._reduce(x, 2), 3)

    def _reduce(self, x: torch.Tensor, dim: int) -> torch.Tensor:
        length = x.shape[dim]
        count = -(-(length - self.side) // 2) + 1
        before = (slice(None),) * dim
        maxima, *others = [x[(*before, slice(first, first + 2 * count - 1, 2))] for first in range(self.side)]
        for cells in others:
            inside = cells.shape[dim]
            rest = maxima.narrow(dim, inside, count - inside)
            maxima = torch.maximum(maxima.narrow(dim, 0, inside), cells)
            if inside < count:
                maxima = torch.cat([maxima, rest], dim)
        return maxima


class ProposalNetwork(nn.Module):
    """(K, 3, H, W) float32 in [-1, 1] -> (K, 4, h, w) shifts and (K, 2, h, w) probabilities of no face and face."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.pool1 = MaxPool(2)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_2(x), self.conv4_1(x).softmax(dim=1)


class RefinementNetwork(nn.Module):
    """(K, 3, 24, 24) float32 in [-1, 1] -> (K, 4) shifts and (K, 2) probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.pool1 = MaxPool(3)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.pool2 = MaxPool(3)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = _flatten(self.prelu3(self.conv3(x)))
        x = self.prelu4(self.dense4(x))
        return self.dense5_2(x), self.dense5_1(x).softmax(dim=1)


class OutputNetwork(nn.Module):
    """(K, 3, 48, 48) float32 in [-1, 1] -> (K, 4) shifts, (K, 10) landmarks and (K, 2) probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.pool1 = MaxPool(3)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.pool2 = MaxPool(3)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.pool3 = MaxPool(2)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.pool3(self.prelu3(self.conv3(x)))
        x = _flatten(self.prelu4(self.conv4(x)))
        x = self.prelu5(self.dense5(x))
        return self.dense6_2(x), self.dense6_3(x), self.dense6_1(x).softmax(dim=1)


NETWORKS: dict[str, type[nn.Module]] = {"pnet": ProposalNetwork, "rnet": RefinementNetwork, "onet": OutputNetwork}
"""Name of the weights file -> network."""


def load_network(name: str) -> nn.Module:
    """One of NETWORKS with its weights, in evaluation mode, channels last (three times faster on a CPU)."""
    path = _find_package("facenet_pytorch") / "data" / f"{name}.pt"
    network = NETWORKS[name]()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    # torch lists no such overload of Module.to.
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def suppress_boxes(boxes: torch.Tensor, scores: torch.Tensor, max_iou: float) -> torch.Tensor:
    """Indices of the boxes (K, 4) that non-maximum suppression keeps, by falling score: torchvision's nms."""
    _load_operations()
    kept: torch.Tensor = torch.ops.torchvision.nms(boxes, scores, max_iou)
    return kept


def align_regions(pixels: torch.Tensor, rois: torch.Tensor, side: int, samples: int) -> torch.Tensor:
    """(K, C, side, side) crops of `rois` (K, 5: frame and corners): torchvision's roi_align with `aligned`."""
    _load_operations()
    crops: torch.Tensor = torch.ops.torchvision.roi_align(pixels, rois, 1.0, side, side, samples, True)
    return crops


@cache
def _load_operations() -> None:
    """Register torchvision's compiled operations; a later import of torchvision finds them registered."""
    library = next(_find_package("torchvision").glob("_C*.so"), None)
    if library is None:
        import torchvision  # type: ignore[import-untyped]  # noqa: F401  (an installation of another form)
    else:
        torch.ops.load_library(library)


def _find_package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise MissingInput(f"{name} is not installed", "install the pinned packages: make setup")
    return Path(spec.origin).parent


def _flatten(x_KCHW: torch.Tensor) -> torch.Tensor:
    """In the order of the original weights: width, height, channels."""
    return x_KCHW.permute(0, 3, 2, 1).contiguous().flatten(1)
