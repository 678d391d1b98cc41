"""Ways for a transformer to know time, against the curve over lags: does the audio of a window fit its mouth?

Each reads the same tokens of the sync encoder and learns from the same windows: as they are, with moved audio, and with
another clip's. `codes`: sines and cosines of the time are added; `rotary`: queries and keys are turned by the time (Su
et al. 2021); `bias`: attention has a learned bias per head and time difference (as ALiBi, Press et al. 2022, with
learned values); `curve`: the head of the model, on the mean cosine per lag.

B windows, T tokens of a window and side, L = 2 T + 1 slots, D width of a token, H heads, E width of a head
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from benchmarks.sync.sets import GENERATED, REAL, Talker, list_train
from unmask.cache.sync.comparison import REACH, TOLERANCE, center, compare_lags
from unmask.cache.sync.learning import SyncLearning
from unmask.cache.sync.networks import SyncNetworks
from unmask.cache.sync.settings import SyncSettings
from unmask.cache.sync.windows import SyncClip, SyncClips
from unmask.metrics.binary import auc
from unmask.preprocess.profiles import MOUTH_FPS
from unmask.train.models.lag import SyncToken
from unmask.train.models.transformer_fusion import time_encoding

Way = Literal["codes", "rotary", "bias", "curve"]
WAYS: tuple[Way, ...] = ("codes", "rotary", "bias", "curve")
WIDTH, HEADS, LAYERS = 64, 4, 2
T = 50
SHIFTS = (5, 10, 20)
STEPS, BATCH, LR = 1000, 32, 1e-3

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Tokens (n, D) of the mouth and of the audio of one clip, n at least T."""


class Attention(nn.Module):
    """One pre-norm block; `way` decides how it knows time."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self.way = way
        self.norm, self.norm_forward = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.parts, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.forward_part = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))
        self.bias = nn.Parameter(torch.zeros(HEADS, 2 * T + 1)) if way == "bias" else None

    def forward(self, x_BLW: torch.Tensor, time_L: torch.Tensor) -> torch.Tensor:
        q, k, v = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in self.parts(self.norm(x_BLW)).chunk(3, 2))
        if self.way == "rotary":
            q, k = rotate(q, time_L), rotate(k, time_L)
        apart_LL = (time_L[:, None] - time_L[None]).round().long().clamp(-T, T) + T
        bias = None if self.bias is None else self.bias[:, apart_LL][None]
        y_BLW = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(2)
        x_BLW = x_BLW + self.out(y_BLW)
        added_BLW: torch.Tensor = self.forward_part(self.norm_forward(x_BLW))
        return x_BLW + added_BLW


def rotate(x_BHLE: torch.Tensor, time_L: torch.Tensor) -> torch.Tensor:
    """Each pair of numbers turned by the time, at rates from one turn in two tokens to one in 200."""
    half = x_BHLE.shape[-1] // 2
    angle_LE = time_L[:, None] * 2 * torch.pi / (2 * 100 ** torch.linspace(0, 1, half))
    first, second = x_BHLE.chunk(2, dim=-1)
    cos, sin = angle_LE.cos(), angle_LE.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class Reader(nn.Module):
    """(B, T, D) mouth and audio tokens -> (B,) logit that they fit."""

    def __init__(self, way: Way, width: int) -> None:
        super().__init__()
        self.way = way
        self.curve = SyncToken(WIDTH) if way == "curve" else None
        self.enter, self.kind = nn.Linear(width, WIDTH), nn.Parameter(torch.randn(3, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(Attention(way) for _ in range(LAYERS))
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 1))

    def forward(self, mouth_BTD: torch.Tensor, audio_BTD: torch.Tensor) -> torch.Tensor:
        if self.curve is not None:
            curve = compare_lags(center(mouth_BTD), center(audio_BTD), REACH)
            return self.curve.judge(curve)
        scale = mouth_BTD.shape[2] ** 0.5
        sides = [
            self.enter(center(side) * scale) + kind
            for side, kind in zip((mouth_BTD, audio_BTD), self.kind, strict=False)
        ]
        x_BLW = torch.cat([self.kind[2].expand(len(mouth_BTD), 1, -1), *sides], dim=1)
        moments = torch.arange(T, dtype=torch.float32)
        time_L = torch.cat([moments.new_zeros(1), moments, moments])
        if self.way == "codes":
            x_BLW = x_BLW + time_encoding(time_L / MOUTH_FPS, WIDTH)
        for block in self.blocks:
            x_BLW = block(x_BLW, time_L)
        logit_B: torch.Tensor = self.head(x_BLW[:, 0])[:, 0]
        return logit_B


def measure_fold(
    talkers: Sequence[Talker], fold_of: Sequence[int], fold: int, settings: SyncSettings
) -> list[tuple[str, Way, NDArray[np.bool_], NDArray[np.float64]]]:
    """(set, way, whether each window fits, its logit) of the clips of this fold: unmoved, moved, another clip's.

    Networks and readers learn from the clips of the other folds.
    """
    train = list_train(talkers, fold_of, fold)
    networks = SyncLearning(settings, SyncClips(train), SyncClips([]), device=torch.device("cpu")).run().networks
    pairs = [_encode(networks, clip) for clip in train if len(clip) >= T]
    held = [one for one, at in zip(talkers, fold_of, strict=True) if at == fold and len(one.clip) >= T]
    tests = {name: [_encode(networks, one.clip) for one in held if one.set == name] for name in (REAL, GENERATED)}
    readers = {way: _teach(way, pairs, settings.seed) for way in WAYS}
    asked = [(name, test, way) for name, test in tests.items() if test for way in WAYS]
    return [(name, way, *_judge(readers[way], test)) for name, test, way in asked]


@torch.no_grad()
def _encode(networks: SyncNetworks, clip: SyncClip) -> Pair:
    mouth, audio = networks.mouth(torch.from_numpy(clip.mouth)[None]), networks.audio(torch.from_numpy(clip.mel)[None])
    return mouth[0].numpy(), audio[0].numpy()


def format_ways(found: Sequence[tuple[str, Way, NDArray[np.bool_], NDArray[np.float64]]]) -> str:
    """AUC over all windows per set and way."""
    lines = [f"| clips | {' | '.join(WAYS)} |", "|---|" + "---|" * len(WAYS)]
    for name in (name for name in (REAL, GENERATED) if any(one[0] == name for one in found)):
        areas = []
        for way in WAYS:
            mine = [one for one in found if one[:2] == (name, way)]
            areas.append(auc(np.concatenate([one[2] for one in mine]), np.concatenate([one[3] for one in mine])))
        lines.append(f"| {name} | {' | '.join(f'{area:.3f}' for area in areas)} |")
    return "\n".join([*lines, ""])


def _teach(way: Way, train: Sequence[Pair], seed: int) -> Reader:
    torch.manual_seed(seed)
    reader = Reader(way, train[0][0].shape[1])
    optimizer = torch.optim.AdamW(reader.parameters(), lr=LR, weight_decay=0.05)
    random = np.random.default_rng(seed)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = LR * min(1.0, (step + 1) / 30) * (1 - step / STEPS)
        mouth, audio, fits = _draw(train, random)
        loss = F.binary_cross_entropy_with_logits(reader(mouth, audio), fits)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return reader


@torch.no_grad()
def _judge(reader: Reader, test: Sequence[Pair]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each window of the clips fits, and its logit."""
    mouth, audio, fits = _list_windows(test)
    parts = zip(mouth.split(64), audio.split(64), strict=True)
    return fits.numpy() == 1, torch.cat([reader(*part) for part in parts]).double().numpy()


def _draw(pairs: Sequence[Pair], random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Half of the windows fit, a quarter has moved audio, a quarter another clip's."""
    mouths, audios, fits = [], [], []
    for number in range(BATCH):
        mouth, audio = pairs[int(random.integers(len(pairs)))]
        kind = number % 4
        if kind == 3:
            audio = pairs[int(random.integers(len(pairs)))][1]
        shift = int(random.integers(-TOLERANCE, TOLERANCE + 1)) if kind < 2 else 0
        if kind == 2:
            shift = int(random.choice([-1, 1])) * int(random.integers(SHIFTS[0], SHIFTS[-1] + 1))
        window = _cut(mouth, audio, shift, random)
        mouths.append(window[0])
        audios.append(window[1])
        fits.append(float(kind < 2))
    return torch.from_numpy(np.stack(mouths)), torch.from_numpy(np.stack(audios)), torch.tensor(fits)


def _cut(mouth: NDArray[np.float32], audio: NDArray[np.float32], shift: int, random: np.random.Generator) -> Pair:
    """T tokens of each; the audio's moment is `shift` tokens after the mouth's, wrapped round the clip."""
    count = min(len(mouth), len(audio))
    begin = int(random.integers(count - T + 1))
    at = np.arange(begin, begin + T)
    return mouth[at], audio[(at + shift) % count]


def _list_windows(pairs: Sequence[Pair]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(0)
    mouths, audios, fits = [], [], []
    for number, (mouth, audio) in enumerate(pairs):
        cases = [(audio, 0, 1.0), *((audio, sign * shift, 0.0) for shift in SHIFTS for sign in (-1, 1))]
        cases.append((pairs[(number + len(pairs) // 2) % len(pairs)][1], 0, 0.0))
        for heard, shift, label in cases:
            window = _cut(mouth, heard, shift, random)
            mouths.append(window[0])
            audios.append(window[1])
            fits.append(label)
    return torch.from_numpy(np.stack(mouths)), torch.from_numpy(np.stack(audios)), torch.tensor(fits)
