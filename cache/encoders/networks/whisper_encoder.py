"""The encoder of Whisper (Radford et al., ICML 2023).

transformers' WhisperEncoder with the same modules, names and operations in the same order: its layers' outputs are the
same to the last bit. transformers itself takes longer to load than torch and the network together.

B clips, M mel bands, F frames (50 per second), H heads, D numbers per frame, E = D / H
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

FLOAT16_MARGIN = 1000
LINEAR_MELS, BREAK_HZ = 15.0, 1000.0
"""Slaney's scale: as many mels up to the break, logarithmic above, 27 for each factor of 6.4."""


@dataclass(frozen=True, slots=True)
class WhisperShape:
    """Sizes of the encoder, as config.json of transformers names them."""

    d_model: int
    num_mel_bins: int
    encoder_layers: int
    encoder_attention_heads: int
    encoder_ffn_dim: int
    max_source_positions: int


class SelfAttention(nn.Module):
    """Every frame sees every frame. The key has no bias, and the query is scaled before the product."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{width} numbers per frame cannot be divided among {heads} heads")
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj, self.q_proj, self.out_proj = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x_BFD: torch.Tensor) -> torch.Tensor:
        query_BHFE = self._split(self.q_proj(x_BFD) * self.scale)
        key_BHFE, value_BHFE = self._split(self.k_proj(x_BFD)), self._split(self.v_proj(x_BFD))
        mixed_BHFE = F.scaled_dot_product_attention(query_BHFE, key_BHFE, value_BHFE, scale=1.0)
        mixed_BFD: torch.Tensor = self.out_proj(mixed_BHFE.transpose(1, 2).reshape(x_BFD.shape))
        return mixed_BFD

    def _split(self, x_BFD: torch.Tensor) -> torch.Tensor:
        batch, frames, _ = x_BFD.shape
        return x_BFD.view(batch, frames, self.heads, -1).transpose(1, 2).contiguous()


class WhisperLayer(nn.Module):
    """Norms stand before the attention and before the two linear layers."""

    def __init__(self, shape: WhisperShape) -> None:
        super().__init__()
        width, inner = shape.d_model, shape.encoder_ffn_dim
        self.self_attn = SelfAttention(width, shape.encoder_attention_heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x_BFD: torch.Tensor) -> torch.Tensor:
        x_BFD = x_BFD + self.self_attn(self.self_attn_layer_norm(x_BFD))
        x_BFD = x_BFD + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x_BFD))))
        if x_BFD.dtype == torch.float16:
            most = torch.finfo(x_BFD.dtype).max - FLOAT16_MARGIN
            x_BFD = x_BFD.clamp(min=-most, max=most)
        return x_BFD


class WhisperEncoder(nn.Module):
    """The parts; `WhisperFrames` runs them up to the layer that it needs."""

    def __init__(self, shape: WhisperShape) -> None:
        super().__init__()
        width = shape.d_model
        self.shape = shape
        self.conv1 = nn.Conv1d(shape.num_mel_bins, width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        # Not drawn at random: on the device "meta" that loads torch's compilers, which takes as long as to load torch.
        self.embed_positions = nn.Embedding.from_pretrained(torch.empty(shape.max_source_positions, width))
        self.layers = nn.ModuleList(WhisperLayer(shape) for _ in range(shape.encoder_layers))
        self.layer_norm: nn.Module = nn.LayerNorm(width)

    def embed(self, mel_BMF: torch.Tensor) -> torch.Tensor:
        """(B, M, 2 F) -> (B, F, D): the input of the first layer."""
        x_BFD = F.gelu(self.conv2(F.gelu(self.conv1(mel_BMF)))).transpose(1, 2)
        embedded_BFD: torch.Tensor = x_BFD + self.embed_positions.weight[: x_BFD.shape[1]]
        return embedded_BFD


def make_mel_filters(bins: int, bands: int, highest_hz: float) -> NDArray[np.float64]:
    """(K, M): triangles on Slaney's mel scale from 0 Hz, each of unit area, as librosa and Whisper have them.

    K frequencies from 0 to half the sampling rate. `highest_hz`: of the last band, and half the sampling rate.
    """
    step_mels = np.log(6.4) / 27.0
    highest_mels = LINEAR_MELS + np.log(highest_hz / BREAK_HZ) / step_mels
    mels = np.linspace(0.0, highest_mels, bands + 2)
    corners_hz = 200.0 * mels / 3.0
    above = mels >= LINEAR_MELS
    corners_hz[above] = BREAK_HZ * np.exp(step_mels * (mels[above] - LINEAR_MELS))
    frequencies_hz = np.linspace(0, highest_hz, bins)
    widths = np.diff(corners_hz)
    rising = (frequencies_hz[:, None] - corners_hz[:-2]) / widths[:-1]
    falling = (corners_hz[2:] - frequencies_hz[:, None]) / widths[1:]
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (corners_hz[2:] - corners_hz[:-2]))
