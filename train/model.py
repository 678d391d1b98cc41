"""The detector: tokens of all modalities -> adapters -> fusion transformer -> heads.

B clips, N tokens of one encoder in the batch, L slots (CLS first), D width of its tokens, W width, G datasets
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from cache.spec import TOKEN_WIDTH
from train.batch import MODALITIES, Batch
from train.config import TrainConfig
from train.domains import Discriminators
from train.fusion import Fusion, time_encoding
from train.grl import reverse_gradient
from train.sizing import SIZES


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """All that is needed to build the model again before its weights are read."""

    streams: tuple[str, ...]
    widths: tuple[int, ...] = ()
    """D of each stream's tokens; left out: 512 each."""
    layers: int
    heads: int
    width: int
    feedforward: int
    dropout: float
    datasets: tuple[str, ...]
    shared: tuple[tuple[int, tuple[int, ...]], ...]
    """Per modality pattern (bits, batch.MODALITIES) the datasets whose training clips can show it."""
    conditioned: bool
    """cdan: the discriminators see the features times the predicted class."""

    def __post_init__(self) -> None:
        if not self.widths:
            object.__setattr__(self, "widths", (TOKEN_WIDTH,) * len(self.streams))
        if len(self.widths) != len(self.streams):
            raise ValueError(f"{len(self.widths)} widths for the tokens of {len(self.streams)} encoders")

    @classmethod
    def of(
        cls,
        config: TrainConfig,
        streams: tuple[str, ...],
        datasets: tuple[str, ...],
        shared: tuple[tuple[int, tuple[int, ...]], ...],
        widths: tuple[int, ...] = (),
    ) -> ModelShape:
        """`config` is resolved: its size is large or small."""
        assert config.size != "auto", "the settings are not resolved"
        size = SIZES[config.size]
        return cls(
            streams=streams,
            widths=widths,
            layers=size.layers,
            heads=size.heads,
            width=size.width,
            feedforward=size.feedforward,
            dropout=config.dropout,
            datasets=datasets,
            shared=shared,
            conditioned=config.domain_loss == "cdan",
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Outputs:
    """Logits, float32."""

    fake: torch.Tensor
    """(B,) is anything in the clip forged."""
    video: torch.Tensor
    """(B,) is the picture forged."""
    audio: torch.Tensor
    """(B,) is the sound forged."""
    domain: torch.Tensor
    """(B, G) which dataset is it from."""
    features: torch.Tensor
    """(B, W) what the heads read."""


class Detector(nn.Module):  # type: ignore[misc]
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        W = shape.width
        self.adapters = nn.ModuleDict(
            {name: _adapter(D, W) for name, D in zip(shape.streams, shape.widths, strict=True)}
        )
        self.stream_embedding = nn.ParameterDict({name: _small(W) for name in shape.streams})
        self.cls = _small(W)
        self.fusion = Fusion(shape.layers, W, shape.heads, shape.feedforward, shape.dropout)
        self.fake_head = _head(W, shape.dropout)
        self.video_head = _head(W, shape.dropout)
        self.audio_head = _head(W, shape.dropout)
        seen = 2 * W if shape.conditioned else W
        self.discriminators = Discriminators(seen, len(shape.datasets), len(MODALITIES), shape.shared)

    def forward(self, batch: Batch, reversal: float = 0.0) -> Outputs:
        """`reversal`: strength with which the discriminators' gradient is reversed; 0 lets none of it through."""
        x_BLW = self.embed(batch)
        slot_L = torch.arange(batch.slots, device=x_BLW.device)
        z_BW = self.fusion(x_BLW, slot_L < batch.lengths[:, None])
        fake_B = self.fake_head(z_BW)[:, 0].float()
        seen = reverse_gradient(z_BW, reversal)
        if self.shape.conditioned:
            # Long et al. 2018 (CDAN): the outer product of features and prediction, which itself gets no gradient.
            fake_B1 = torch.sigmoid(fake_B.detach())[:, None].to(seen.dtype)
            seen = torch.cat([seen * fake_B1, seen * (1 - fake_B1)], dim=1)
        return Outputs(
            fake=fake_B,
            video=self.video_head(z_BW)[:, 0].float(),
            audio=self.audio_head(z_BW)[:, 0].float(),
            domain=self.discriminators(seen, batch.pattern),
            features=z_BW,
        )

    def embed(self, batch: Batch) -> torch.Tensor:
        """(B, L, W): CLS in slot 0, then the clip's tokens, zeros behind its last one (masked, never attended to)."""
        B, L, W = len(batch), batch.slots, self.shape.width
        device = batch.lengths.device
        parts = [self.cls.expand(B, W)]
        slots = [torch.arange(B, device=device) * L]
        for name in self.shape.streams:
            stream = batch.streams[name]
            x_NW = self.adapters[name](stream.tokens.float()).float()
            parts.append(x_NW + self.stream_embedding[name] + time_encoding(stream.times, W))
            slots.append(stream.slots)
        x_XW = torch.zeros(B * L, W, device=device).index_copy(0, torch.cat(slots), torch.cat(parts))
        return x_XW.unflatten(0, (B, L))

    def adversary(self) -> list[nn.Parameter]:
        return list(self.discriminators.parameters())

    def detector(self) -> list[nn.Parameter]:
        """All parameters but the discriminators'."""
        return [p for name, p in self.named_parameters() if not name.startswith("discriminators.")]


def _adapter(token_width: int, width: int) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(token_width), nn.Linear(token_width, width))


def _small(width: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(width) * 0.02)


def _head(width: int, dropout: float) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width // 2), nn.GELU(), nn.Dropout(dropout), nn.Linear(width // 2, 1))
