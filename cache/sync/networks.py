"""The two networks: mouth crops and log-mel bands to tokens on one clock, MOUTH_FPS per second.

Token t of either describes the moment t / MOUTH_FPS and the fifth of a second around it. The tokens of the two are
close where movement and sound belong together: Chung and Zisserman, "Out of time: automated lip sync in the wild", ACCV
workshops 2016. These networks are some hundred times smaller, so that a few dozen videos and one core are enough.

B clips, T tokens, S = MOUTH_SIDE, H = S / 2, K = 4 mel frames per token, M mel bands, D width of a token
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torchaudio.transforms import MelSpectrogram

from unmask.cache.encoders.audio_base import SAMPLE_RATE, count_tokens
from unmask.preprocess.profiles import MOUTH_FPS

CONFIG, MODEL_TYPE = "config.json", "unmask-sync"
VERSION = 1
"""Increased when the code of the networks gives other tokens."""
BANDS, HOP = 64, 160
FRAMES_PER_TOKEN = round(SAMPLE_RATE / MOUTH_FPS / HOP)
MOUTH_PIXELS = 48
"""H: side of the mouths that the network sees."""
CHANNELS = (24, 48, 64)
HIDDEN = 128
REACH = 5
"""Tokens that a temporal convolution sees."""


class LogMel(nn.Module):
    """(B, A) samples at 16 kHz -> (B, K T, M): log-mel frames of 10 ms; frame K t is centered on token t."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = MelSpectrogram(SAMPLE_RATE, 512, 400, HOP, f_min=60.0, f_max=7600.0, n_mels=BANDS)

    def forward(self, wave_BA: torch.Tensor) -> torch.Tensor:
        count = FRAMES_PER_TOKEN * count_tokens(wave_BA.shape[1], MOUTH_FPS)
        # Powers go beyond half precision.
        with torch.autocast(wave_BA.device.type, enabled=False):
            mel_BMF = (self.mel(wave_BA.float()) + 1e-6).log()[..., :count]
        return F.pad(mel_BMF, (0, count - mel_BMF.shape[2]), mode="replicate").transpose(1, 2)


class Temporal(nn.Module):
    """(B, HIDDEN, T) -> (B, D, T): two residual convolutions over time and a linear layer."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Dropout(dropout),
                nn.Conv1d(HIDDEN, HIDDEN, REACH, padding=REACH // 2),
                nn.BatchNorm1d(HIDDEN),
                nn.ReLU(),
            )
            for _ in range(2)
        )
        self.out = nn.Conv1d(HIDDEN, width, 1)

    def forward(self, x_BCT: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x_BCT = x_BCT + block(x_BCT)
        tokens_BDT: torch.Tensor = self.out(x_BCT)
        return tokens_BDT


class MouthNetwork(nn.Module):
    """Gray mouths, (B, T, S, S) or halved already (B, T, H, H), any scale -> (B, T, D).

    Each clip is standardized by its own mean and deviation, so that lighting and skin do not matter; a second channel
    holds the difference from the frame before.
    """

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        kernels = ((2, CHANNELS[0], 5, 3), (CHANNELS[0], CHANNELS[1], 3, 2), (CHANNELS[1], CHANNELS[2], 3, 2))
        self.space = nn.Sequential(*(layer for sizes in kernels for layer in _convolve(*sizes)))
        self.frame = nn.Linear(CHANNELS[2] * 4 * 4, HIDDEN)
        self.dropout = nn.Dropout(dropout)
        self.time = Temporal(width, dropout)

    def forward(self, mouth_BTSS: torch.Tensor) -> torch.Tensor:
        B, T = mouth_BTSS.shape[:2]
        x_BTHH = standardize_mouths(halve(mouth_BTSS))
        change_BTHH = F.pad(x_BTHH[:, 1:] - x_BTHH[:, :-1], (0, 0, 0, 0, 1, 0))
        x_NCHH = torch.stack([x_BTHH, 2 * change_BTHH], dim=2).flatten(0, 1)
        x_NCHH = self.space(x_NCHH.contiguous(memory_format=torch.channels_last))
        x_BTC = self.dropout(self.frame(x_NCHH.flatten(1))).unflatten(0, (B, T))
        tokens_BDT: torch.Tensor = self.time(x_BTC.transpose(1, 2))
        return tokens_BDT.transpose(1, 2)


class AudioNetwork(nn.Module):
    """(B, K T, M) log-mel frames -> (B, T, D). Each clip is standardized: loudness and microphone do not matter."""

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.bands = nn.Sequential(*_convolve_time(BANDS, 1), *_convolve_time(HIDDEN, 2), *_convolve_time(HIDDEN, 2))
        self.dropout = nn.Dropout(dropout)
        self.time = Temporal(width, dropout)

    def forward(self, mel_BFM: torch.Tensor) -> torch.Tensor:
        x_BFM = mel_BFM.float()
        deviation_B11 = x_BFM.std(dim=(1, 2), keepdim=True, correction=0)
        x_BFM = (x_BFM - x_BFM.mean(dim=1, keepdim=True)) / (deviation_B11 + 0.5)
        tokens_BDT: torch.Tensor = self.time(self.dropout(self.bands(x_BFM.transpose(1, 2))))
        return tokens_BDT.transpose(1, 2)


class SyncNetworks(nn.Module):
    """Both networks."""

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.mouth = MouthNetwork(width, dropout)
        self.audio = AudioNetwork(width, dropout)


class WaveNetwork(nn.Module):
    """(B, A) samples at 16 kHz -> (B, T, D)."""

    def __init__(self, audio: AudioNetwork) -> None:
        super().__init__()
        self.mel, self.audio = LogMel(), audio

    def forward(self, wave_BA: torch.Tensor) -> torch.Tensor:
        tokens_BTD: torch.Tensor = self.audio(self.mel(wave_BA))
        return tokens_BTD


def halve(mouth_BTSS: torch.Tensor) -> torch.Tensor:
    """(B, T, S, S) -> (B, T, H, H) float32, means of 2 x 2; (B, T, H, H) stays."""
    x_BTSS = mouth_BTSS.float()
    return F.avg_pool2d(x_BTSS, 2) if x_BTSS.shape[-1] == MOUTH_PIXELS * 2 else x_BTSS


def standardize_mouths(x_BTHH: torch.Tensor) -> torch.Tensor:
    """Zero mean and unit deviation per clip; one without any contrast stays near 0."""
    deviation_B111 = x_BTHH.std(dim=(1, 2, 3), keepdim=True, correction=0)
    return (x_BTHH - x_BTHH.mean(dim=(1, 2, 3), keepdim=True)) / (deviation_B111 + 5)


def _convolve(channels: int, out: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, out, kernel, stride=stride, padding=1), nn.BatchNorm2d(out), nn.ReLU()


def _convolve_time(channels: int, stride: int) -> tuple[nn.Module, ...]:
    kernel = 5
    convolution = nn.Conv1d(channels, HIDDEN, kernel, stride=stride, padding=kernel // 2)
    return convolution, nn.BatchNorm1d(HIDDEN), nn.ReLU()
