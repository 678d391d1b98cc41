"""EfficientNet-Lite0 (Tan and Le, ICML 2019; the mobile variant without squeeze-excite and with ReLU6).

timm's `tf_efficientnet_lite0` with the same modules, names and operations in the same order: tokens are the same to the
last bit. timm itself imports torchvision and every family of networks, which costs more than torch and the network.

B images, C channels, H x W positions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

EPS = 1e-3
"""Of the batch norms, as TensorFlow has it."""
STEM, HEAD = 32, 1280
EXPANSION = 6
STAGES = ((1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80), (3, 5, 1, 112), (4, 5, 2, 192), (1, 3, 1, 320))
"""Blocks, kernel, stride of the first block, channels."""
ENDS = (1, 2, 3, 5, 7)
"""Stages after which a feature map of a new size is complete: layer k is the map after stage ENDS[k - 1]."""


class SameConv(nn.Conv2d):
    """Padded at each side as TensorFlow does: where it is uneven, more at the right and below."""

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        pads = [
            max((-(-size // stride) - 1) * stride + kernel - size, 0)
            for size, kernel, stride in zip(x_BCHW.shape[2:], self.kernel_size, self.stride, strict=True)
        ]
        x_BCHW = F.pad(x_BCHW, (pads[1] // 2, pads[1] - pads[1] // 2, pads[0] // 2, pads[0] - pads[0] // 2))
        return F.conv2d(x_BCHW, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class NormAct(nn.BatchNorm2d):
    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        return F.relu6(super().forward(x_BCHW), inplace=True)


class SeparableBlock(nn.Module):
    """Of the first stage: a convolution per channel, then one across channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_dw, self.bn1 = _make_conv(inputs, inputs, kernel, stride, groups=inputs), NormAct(inputs, EPS)
        self.conv_pw, self.bn2 = _make_conv(inputs, outputs, 1), nn.BatchNorm2d(outputs, EPS)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        x_BCHW = self.bn1(self.conv_dw(x_BCHW))
        changed_BCHW: torch.Tensor = self.bn2(self.conv_pw(x_BCHW))
        return changed_BCHW


class InvertedBlock(nn.Module):
    """Wider inside than outside (MobileNetV2), with a shortcut where input and output have the same shape."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * EXPANSION
        self.conv_pw, self.bn1 = _make_conv(inputs, inner, 1), NormAct(inner, EPS)
        self.conv_dw, self.bn2 = _make_conv(inner, inner, kernel, stride, groups=inner), NormAct(inner, EPS)
        self.conv_pwl, self.bn3 = _make_conv(inner, outputs, 1), nn.BatchNorm2d(outputs, EPS)
        self.has_shortcut = inputs == outputs and stride == 1

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        changed_BCHW: torch.Tensor = self.bn1(self.conv_pw(x_BCHW))
        changed_BCHW = self.bn2(self.conv_dw(changed_BCHW))
        changed_BCHW = self.bn3(self.conv_pwl(changed_BCHW))
        return changed_BCHW + x_BCHW if self.has_shortcut else changed_BCHW


class EfficientNetLite0(nn.Module):
    """(B, 3, H, W) float32 -> (B, classes)."""

    num_features = HEAD
    feature_info: tuple[dict[str, Any], ...] = tuple({"num_chs": STAGES[end - 1][3], "stage": end} for end in ENDS)

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv_stem, self.bn1 = SameConv(3, STEM, 3, 2, bias=False), NormAct(STEM, EPS)
        widths = (STEM, *(width for _, _, _, width in STAGES))
        self.blocks = nn.Sequential(*(_make_stage(width, *stage) for width, stage in zip(widths, STAGES, strict=False)))
        self.conv_head, self.bn2 = _make_conv(widths[-1], HEAD, 1), NormAct(HEAD, EPS)
        self.classifier = nn.Linear(HEAD, classes) if classes else nn.Identity()

    def forward_features(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, 1280, H / 32, W / 32)"""
        x_BCHW = self.blocks(self.bn1(self.conv_stem(x_BCHW)))
        map_BCHW: torch.Tensor = self.bn2(self.conv_head(x_BCHW))
        return map_BCHW

    def forward_intermediates(
        self, x_BCHW: torch.Tensor, indices: Sequence[int], **options: object
    ) -> list[torch.Tensor]:
        """Maps of layers `indices` (from 0), lowest first; the network runs no further than the last of them.

        `options` are those that timm's method would need for that.
        """
        wanted = {ENDS[index] for index in indices}
        x_BCHW, maps = self.bn1(self.conv_stem(x_BCHW)), []
        for number in range(1, max(wanted) + 1):
            x_BCHW = self.blocks[number - 1](x_BCHW)
            if number in wanted:
                maps.append(x_BCHW)
        return maps

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        x_BC = self.forward_features(x_BCHW).mean((2, 3))
        scores: torch.Tensor = self.classifier(x_BC)
        return scores


def _make_stage(inputs: int, blocks: int, kernel: int, stride: int, outputs: int) -> nn.Sequential:
    block = SeparableBlock if inputs == STEM else InvertedBlock
    first, rest = block(inputs, outputs, kernel, stride), range(blocks - 1)
    return nn.Sequential(first, *(block(outputs, outputs, kernel, 1) for _ in rest))


def _make_conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    if stride > 1:  # the padding depends on the size of the image
        return SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
