"""Curves, offsets and the fit over time, on tokens whose lag is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from unmask.cache.sync.comparison import (
    LEAST_TOKENS,
    REACH,
    TOLERANCE,
    center,
    compare_lags,
    compute_curve,
    compute_fit_over_time,
    describe_curve,
    join_curves,
    list_lags,
)

WIDTH = 16


def draw_pair(lag: int, length: int = 100, seed: int = 0, noise: float = 0.5) -> tuple[NDArray[np.float32], ...]:
    """Mouth and audio tokens of a clip whose audio comes `lag` tokens late."""
    random = np.random.default_rng(seed)
    both = random.standard_normal((length + 100, WIDTH))
    mouth, audio = both[50 : 50 + length], both[50 - lag : 50 - lag + length]
    noises = noise * random.standard_normal((2, length, WIDTH))
    return (mouth + noises[0] + 5).astype(np.float32), (audio + noises[1] - 3).astype(np.float32)


@pytest.mark.parametrize("lag", [-12, -3, 0, 5, 14])
def test_the_lag_is_found_and_told_in_milliseconds(lag: int):
    curve = compute_curve(*draw_pair(lag))
    assert curve is not None
    found = describe_curve(curve)
    assert list_lags()[int(curve.argmax())] == lag
    assert abs(found.offset_ms - 40 * lag) <= 20
    assert found.fit > 3
    assert (found.tolerated > 3) == (abs(lag) <= TOLERANCE)


def test_the_curve_is_the_mean_cosine_of_every_pair_of_moments_at_that_lag():
    mouth, audio = (torch.from_numpy(side)[None] for side in draw_pair(2, 30))
    mouth, audio = center(mouth), center(audio)
    curve = compare_lags(mouth, audio, 40)[0]
    for lag in range(-40, 41):
        pairs = [(t, t + lag) for t in range(30) if 0 <= t + lag < 30]
        if len(pairs) < LEAST_TOKENS:
            assert torch.isnan(curve[lag + 40])
        else:
            expected = torch.stack([mouth[0, t] @ audio[0, u] for t, u in pairs]).mean()
            assert torch.allclose(curve[lag + 40], expected, atol=1e-6)


def test_what_says_who_speaks_does_not_count():
    mouth, audio = draw_pair(0)
    same = compute_curve(mouth + 100 * np.ones(WIDTH, np.float32), audio)
    assert np.allclose(same, compute_curve(mouth, audio), atol=1e-3)


def test_noise_fits_nowhere_and_short_clips_are_not_compared():
    random = np.random.default_rng(1)
    curve = compute_curve(*random.standard_normal((2, 100, WIDTH)))
    assert curve is not None
    assert np.nanmax(np.abs(curve)) < 0.15
    assert compute_curve(*random.standard_normal((2, LEAST_TOKENS - 1, WIDTH))) is None
    short = compute_curve(*random.standard_normal((2, LEAST_TOKENS, WIDTH)))
    assert short is not None
    assert np.isnan(short).sum() == 2 * REACH, "only lag 0 leaves enough"
    assert describe_curve(short).offset_s == 0


def test_clips_of_a_file_are_joined_by_their_length():
    long, short = (compute_curve(*draw_pair(lag, length)) for lag, length in ((3, 100), (-5, 30)))
    assert long is not None
    assert short is not None
    joined = join_curves([long, short], [100, 30])
    assert joined is not None
    assert abs(joined.offset_ms - 120) <= 20
    known = ~np.isnan(short)
    assert np.allclose(joined.curve[known], (100 * long[known] + 30 * short[known]) / 130, atol=1e-6)
    assert np.allclose(joined.curve[~known], long[~known]), "where the short one has nothing to compare"
    assert join_curves([], []) is None


def test_the_fit_over_time_falls_where_the_audio_is_another_one():
    mouth, audio = draw_pair(0, 150)
    audio[75:] = draw_pair(0, 150, seed=7)[1][75:]
    fit = compute_fit_over_time(mouth, audio, 0.0)
    assert fit.shape == (150,)
    assert fit[:60].min() > 0.3
    assert abs(fit[90:]).max() < 0.25
