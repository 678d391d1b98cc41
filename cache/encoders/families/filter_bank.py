"""The input of w2v-BERT 2.0: log-mel frames as Kaldi computes them, two side by side.

Equal to transformers' SeamlessM4TFeatureExtractor, on the device of the network.

B clips, A samples at 16 kHz, F frames of 10 ms, M = 80 mel bands
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from transformers.audio_utils import mel_filter_bank, window_function

from unmask.core.errors import MissingInput

WINDOW, HOP, FFT, BANDS, STRIDE = 400, 160, 512, 80, 2
PREEMPHASIS = 0.97
FLOOR = 1.192092955078125e-07
FULL_SCALE = 2**15
EXPECTED = {"sampling_rate": 16_000, "num_mel_bins": BANDS, "feature_size": BANDS, "stride": STRIDE}


class FilterBank(nn.Module):
    """(B, A) -> (B, F // 2, 160): each band of a clip has zero mean and unit variance."""

    words: ClassVar[str] = "log-mel of 80 bands, zero mean and unit variance per band of the clip"
    filters_KM: torch.Tensor
    window: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        filters = mel_filter_bank(
            FFT // 2 + 1, BANDS, 20, 8000, 16_000, norm=None, mel_scale="kaldi", triangularize_in_mel_space=True
        )
        # float64, as the reference: a quiet band is the small difference of large numbers.
        self.register_buffer("filters_KM", torch.from_numpy(np.ascontiguousarray(filters)).double())
        self.register_buffer("window", torch.from_numpy(window_function(WINDOW, "povey", periodic=False)).double())

    @staticmethod
    def check(recipe: Mapping[str, Any], path: Path) -> None:
        """`MissingInput` where the recipe in `path` asks for other frames."""
        wrong = {name: recipe.get(name) for name, value in EXPECTED.items() if recipe.get(name, value) != value}
        if wrong:
            told = ", ".join(f"{name} {value}" for name, value in wrong.items())
            wanted = ", ".join(f"{name} {EXPECTED[name]}" for name in wrong)
            raise MissingInput(f"{path}: {told}", f"this encoder reads models with {wanted}")

    def forward(self, wave_BA: torch.Tensor) -> torch.Tensor:
        with torch.autocast(wave_BA.device.type, enabled=False):
            frames_BFW = (wave_BA.double() * FULL_SCALE).unfold(1, WINDOW, HOP)
            frames_BFW = frames_BFW - frames_BFW.mean(dim=2, keepdim=True)
            first_BF1 = frames_BFW[..., :1] * (1 - PREEMPHASIS)
            frames_BFW = torch.cat([first_BF1, frames_BFW[..., 1:] - PREEMPHASIS * frames_BFW[..., :-1]], dim=2)
            power_BFK = torch.fft.rfft(frames_BFW * self.window, n=FFT).abs().square()
            mel_BFM = (power_BFK @ self.filters_KM).clamp(min=FLOOR).log()
            spread_B1M, mean_B1M = torch.var_mean(mel_BFM, dim=1, keepdim=True, correction=1)
            normed_BFM = (mel_BFM - mean_B1M) / (spread_B1M + 1e-7).sqrt()
            pairs = normed_BFM.shape[1] // STRIDE
            paired_BFM: torch.Tensor = normed_BFM[:, : pairs * STRIDE].reshape(len(wave_BA), pairs, STRIDE * BANDS)
            return paired_BFM.float()
