"""Platt's line on resampled items."""

import numpy as np
import pytest

from unmask.metrics.likelihood_ratios import fit_platt
from unmask.metrics.resampled_platt import fit_weighted_platt, resample_platt


def make_items(seed: int, count: int, gap: float):
    random = np.random.default_rng(seed)
    is_fake = np.arange(count) % 3 == 0
    return is_fake, random.normal(size=count) * 2 + gap * is_fake + 1


@pytest.mark.parametrize("gap", [0.5, 2.0, 50.0])
def test_equal_weights_give_the_line_of_all_items(gap: float):
    is_fake, logit = make_items(0, 60, gap)
    line = fit_platt(is_fake, logit)
    ((slope, offset),) = fit_weighted_platt(is_fake, logit, np.ones((1, 60)))
    at = np.array([-3.0, 0.0, 10.0])
    np.testing.assert_allclose(slope * at + offset, line(at), atol=1e-3)


def test_an_item_of_weight_three_counts_like_three_items():
    is_fake, logit = make_items(1, 30, 1.0)
    times = np.random.default_rng(2).integers(0, 4, 30)
    ((slope, offset),) = fit_weighted_platt(is_fake, logit, times[None].astype(float))
    line = fit_platt(np.repeat(is_fake, times), np.repeat(logit, times))
    at = np.array([-3.0, 0.0, 10.0])
    np.testing.assert_allclose(slope * at + offset, line(at), atol=1e-3)


def test_a_line_never_falls():
    is_fake, logit = make_items(3, 60, -4.0)
    ((slope, offset),) = fit_weighted_platt(is_fake, logit, np.ones((1, 60)))
    assert slope == 0
    np.testing.assert_allclose(offset, fit_platt(is_fake, logit)(np.zeros(1)), atol=1e-3)


def test_resamples_without_a_class_are_left_out_and_more_items_narrow_the_slopes():
    few = resample_platt(*make_items(4, 6, 2.0), np.arange(6), seed=0, count=200)
    assert 100 < len(few) < 200
    assert np.isfinite(few).all()
    spreads = []
    for count in (30, 600):
        spreads.append(np.std(resample_platt(*make_items(5, count, 2.0), np.arange(count), seed=0, count=200)[:, 0]))
    assert spreads[1] < spreads[0] / 2
