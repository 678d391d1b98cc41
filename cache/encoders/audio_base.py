"""Frozen audio networks, pooled to a fixed rate of tokens.

B clips of equal length, A samples at 16 kHz, F frames of the network, D numbers per frame, T tokens. Clips of a batch
have equal length, so no padding enters a token, and a clip's tokens do not depend on the rest of the batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from unmask.cache.encoders.frozen import freeze
from unmask.cache.spec import EncoderSpec
from unmask.cache.weights.checkpoint import Checkpoint
from unmask.core.errors import UsageError
from unmask.preprocess.profiles import PreprocessSettings

SAMPLE_RATE = 16_000

# 50 ms: room for at least one frame of every network here (wav2vec 2.0 needs 400 samples).
MIN_SAMPLES = 800


def check_sample_rate(encoder: str, settings: PreprocessSettings) -> None:
    """`UsageError` when the media shards of `settings` have audio at another rate than networks here read."""
    rate = settings.sample_rate
    if rate != SAMPLE_RATE:
        problem = f"encoder {encoder} needs audio at {SAMPLE_RATE} Hz, and the media shards have {rate} Hz"
        raise UsageError(problem, f"--set preprocess.sample_rate={SAMPLE_RATE}, then preprocess again")


def count_tokens(samples: int, rate: float) -> int:
    """Number of tokens of a clip, at least one."""
    return count_parts(samples / SAMPLE_RATE, rate)


def count_parts(seconds: float, rate: float) -> int:
    """Number of tokens of `seconds`, at least one."""
    return max(1, round(seconds * rate))


def pool_mean(frames_BFD: torch.Tensor, tokens: int) -> torch.Tensor:
    """(B, F, D) -> (B, T, D): means over T equal bins of frames."""
    return F.adaptive_avg_pool1d(frames_BFD.transpose(1, 2), tokens).transpose(1, 2)


def pool_mean_and_std(frames_BFD: torch.Tensor, tokens: int) -> torch.Tensor:
    """(B, F, D) -> (B, T, 2 D): mean and standard deviation of each bin."""
    mean_BTD = pool_mean(frames_BFD, tokens)
    # Around the clip's mean: small deviations would be lost in the difference of two large squares.
    center_B1D = frames_BFD.mean(dim=1, keepdim=True)
    square_BTD = pool_mean((frames_BFD - center_B1D).square(), tokens)
    spread_BTD = (square_BTD - (mean_BTD - center_B1D).square()).clamp(min=0).sqrt()
    return torch.cat([mean_BTD, spread_BTD], dim=2)


class LayeredFrames(nn.Module, ABC):
    """A network with layers to choose from: (B, A) -> (B, F, D), the output of a layer, or the mean over several."""

    layers: tuple[int, ...]
    """Those of its own output, in rising order."""

    @abstractmethod
    def compute_layers(self, wave_BA: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """(B, F, D) of each of `layers`, which rise and are not above the highest of `self.layers`, in one pass."""

    def forward(self, wave_BA: torch.Tensor) -> torch.Tensor:
        return average_layers(self.compute_layers(wave_BA, self.layers))


def average_layers(layers: Sequence[torch.Tensor]) -> torch.Tensor:
    """(B, F, D) float32, the mean over layers of equal shape."""
    if len(layers) == 1:
        return layers[0].float()
    return torch.stack([frames_BFD.float() for frames_BFD in layers]).mean(dim=0)


class AudioEncoder:
    """A network that turns (B, A) into frames (B, F, D), and the pooling to tokens. Loaded at the first `encode`."""

    is_thread_safe = True
    """See `ThreadSafeEncoder`."""

    def __init__(
        self,
        spec: EncoderSpec,
        load: Callable[[], nn.Module],
        device: torch.device,
        pool: Callable[[torch.Tensor, int], torch.Tensor] = pool_mean,
        checkpoint: Checkpoint | None = None,
        *,
        layers: range = range(0),
    ) -> None:
        """`checkpoint`: how it is saved after tuning; None for a network without a weights file. `layers`: those of the
        whole network, of which `load` gives a LayeredFrames.
        """
        self.spec, self.checkpoint, self.layers = spec, checkpoint, layers
        self._load, self._device, self._pool = load, device, pool

    @cached_property
    def network(self) -> Any:
        return freeze(self._load(), self._device)

    def load(self) -> None:
        """See `ThreadSafeEncoder`."""
        _ = self.network

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, A) float32 in [-1, 1] at 16 kHz -> (B, T, D) float32, T = token_count(A, tokens_per_second)."""
        with torch.inference_mode():
            return self.compute_tokens(batch)

    def encode_layers(self, batch: torch.Tensor, layers: Sequence[tuple[int, ...]]) -> list[torch.Tensor]:
        """See `LayeredEncoder`."""
        with torch.inference_mode():
            wave_BA, asked = self._prepare(batch), sorted({one for several in layers for one in several})
            frames = dict(zip(asked, self.network.compute_layers(wave_BA, asked), strict=True))
            return [self._pool_frames([frames[one] for one in several], batch.shape[1]) for several in layers]

    def compute_tokens(self, batch: torch.Tensor) -> torch.Tensor:
        """`encode` with gradients for the weights that require them."""
        return self._pool_frames([self.network(self._prepare(batch))], batch.shape[1])

    def _prepare(self, batch: torch.Tensor) -> torch.Tensor:
        wave_BA = batch.to(self._device, torch.float32)
        return F.pad(wave_BA, (0, max(0, MIN_SAMPLES - wave_BA.shape[1])))

    def _pool_frames(self, layers: Sequence[torch.Tensor], samples: int) -> torch.Tensor:
        assert self.spec.tokens_per_second is not None
        return self._pool(average_layers(layers), count_tokens(samples, self.spec.tokens_per_second))
