"""What the linear-frequency cepstrum keeps and what it ignores."""

from __future__ import annotations

import numpy as np
import torch

from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.lfcc import COEFFICIENTS
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")


def encode(wave: torch.Tensor) -> torch.Tensor:
    return make_encoder(EncoderChoice(name="lfcc"), CPU).encode(wave)


def noise(samples: int = 16_000) -> torch.Tensor:
    return torch.rand(1, samples, generator=torch.Generator().manual_seed(5)) - 0.5


def test_gain_moves_loudness_and_nothing_else():
    # Twice the amplitude is log 4 more in each of 20 filters: sqrt(20) log 4 in coefficient 0, then divided by 12.
    difference = encode(noise()) - encode(noise() / 2)
    np.testing.assert_allclose(difference[..., 0], np.sqrt(20) * np.log(4) / 12, rtol=1e-3)
    assert difference[..., 1:].abs().max() < 1e-3


def test_a_loud_neighbour_changes_nothing():
    quiet, loud = noise() * 1e-3, noise()
    together = encode(torch.cat([quiet, loud]))
    torch.testing.assert_close(together[:1], encode(quiet))


def test_a_steady_tone_has_no_differences_and_little_spread():
    time = torch.arange(32_000, dtype=torch.float64) / 16_000
    middle = encode(torch.sin(2 * np.pi * 1000 * time).float()[None])[0, 2:-2]
    assert middle[:, COEFFICIENTS : 3 * COEFFICIENTS].abs().max() < 0.02, "mean differences"
    assert middle[:, 3 * COEFFICIENTS : 4 * COEFFICIENTS].max() < 0.05, "spread of the coefficients"


def test_high_frequencies_are_seen():
    # Mel filters would hardly tell 6 from 7 kHz; this is why the field uses linear ones.
    time = torch.arange(16_000) / 16_000
    six, seven = (encode(torch.sin(2 * np.pi * hertz * time)[None] * 0.1 + noise() * 0.01) for hertz in (6000, 7000))
    assert (six - seven)[..., :COEFFICIENTS].abs().max() > 1


def test_silence_is_finite():
    assert torch.isfinite(encode(torch.zeros(1, 16_000))).all()
