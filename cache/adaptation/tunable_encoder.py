"""An encoder whose norm layers are tuned, with a linear head on the mean token of a clip.

B clips, D numbers per token. The network stays in evaluation mode: running statistics of batch normalization keep the
values of pretraining, and there is no dropout, so that a clip's tokens do not depend on its batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import nn

from unmask.core.errors import UsageError

FULL_SCALE = 32768
STRENGTH = 0.1
"""C of the first head's logistic regression."""
FLOOR = 1e-3
"""Added to the deviation of each feature, as a share of the overall one: features that hardly vary stay small."""


def find_norms(network: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> scale or shift of every norm layer (layer, batch, group or RMS norm)."""
    return {
        f"{path}.{name}" if path else name: parameter
        for path, module in network.named_modules()
        if "norm" in type(module).__name__.lower()
        for name, parameter in module.named_parameters(recurse=False)
        if parameter.ndim == 1
    }


class Head(nn.Module):
    """(B, D) mean tokens -> (B,) logits: one linear layer on features standardized as they were before tuning."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.linear = nn.Linear(width, 1)

    def forward(self, mean_BD: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.linear((mean_BD - self.mean) * self.scale).squeeze(1)
        return logits

    def fit(self, mean_BD: NDArray[np.float32], fake_B: NDArray[np.int64]) -> None:
        """Begin with a logistic regression on the frozen tokens: gradients through a random head harm the network.

        Kumar et al., "Fine-tuning can distort pretrained features", ICLR 2022.
        """
        deviation = mean_BD.std(axis=0)
        scale = 1 / (deviation + FLOOR * mean_BD.std() + 1e-12)
        center = mean_BD.mean(axis=0)
        fitted = LogisticRegression(C=STRENGTH, max_iter=1000).fit((mean_BD - center) * scale, fake_B)
        parts = {"mean": center, "scale": scale, "linear.weight": fitted.coef_, "linear.bias": fitted.intercept_}
        self.load_state_dict({name: torch.from_numpy(np.asarray(part)).float() for name, part in parts.items()})


class TunableEncoder:
    """`encoder` with trainable norm layers, and its head."""

    def __init__(self, encoder: Any, device: torch.device) -> None:
        """`encoder` is an ImageEncoder or AudioEncoder. `UsageError` for a network without norm layers."""
        self.encoder, self.device = encoder, device
        self.norms = find_norms(encoder.network)
        if not self.norms:
            raise UsageError(f"encoder {encoder.spec.name} has no norm layers to tune", "choose another encoder")
        for parameter in self.norms.values():
            parameter.requires_grad_(True)
        self.head = Head(encoder.spec.native_dim).to(device)

    def parameters(self) -> list[nn.Parameter]:
        return [*self.norms.values(), *self.head.parameters()]

    def count(self) -> tuple[int, int]:
        """Numbers that are tuned, and numbers in the network."""
        every = sum(parameter.numel() for parameter in self.encoder.network.parameters())
        return sum(parameter.numel() for parameter in self.norms.values()), every

    def state(self) -> dict[str, torch.Tensor]:
        """Copies of the tuned weights."""
        return {name: parameter.detach().cpu().clone() for name, parameter in self.norms.items()}

    @torch.no_grad()
    def restore(self, state: dict[str, torch.Tensor]) -> None:
        for name, parameter in self.norms.items():
            parameter.copy_(state[name])

    def embed(self, clips: Sequence[torch.Tensor]) -> torch.Tensor:
        """(B, D) float32 mean token of each clip: face crops (F, S, S, 3) uint8, or samples (A,) int16.

        Audio of equal length is encoded together, so that no padding enters a token.
        """
        if self.encoder.spec.modality == "image":
            tokens = self.encoder.compute_tokens(torch.cat(list(clips))).float().mean(dim=1)
            return torch.stack([part.mean(dim=0) for part in tokens.split([len(clip) for clip in clips])])
        of_length: dict[int, list[int]] = defaultdict(list)
        for number, clip in enumerate(clips):
            of_length[len(clip)].append(number)
        found: dict[int, torch.Tensor] = {}
        for _, numbers in sorted(of_length.items()):
            waves = torch.stack([clips[number] for number in numbers]).float() / FULL_SCALE
            found |= dict(zip(numbers, self.encoder.compute_tokens(waves).float().mean(dim=1), strict=True))
        return torch.stack([found[number] for number in range(len(clips))])
