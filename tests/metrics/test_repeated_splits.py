"""The corrected interval of a mean over repeated splits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unmask.metrics.repeated_splits import average_splits


def test_the_interval_is_the_one_worked_by_hand():
    # Deviation of 1, 2, 3, 4: sqrt(5 / 3). t(.975, 3) = 3.1824. Variance of the mean: (1 / 4 + 1 / 4) 5 / 3.
    found = average_splits([1.0, 2.0, 3.0, 4.0], 0.25)
    assert found.mean == 2.5
    assert found.half_width == pytest.approx(3.182446 * math.sqrt(5 / 6), rel=1e-5)


def test_it_covers_the_mean_of_splits_that_share_their_training_items():
    """Differences with the correlation that the correction assumes. Without it the interval is too short."""
    random, test, train, splits = np.random.default_rng(0), 15, 70, 8
    shared = test / (test + train)
    common = math.sqrt(shared) * random.normal(size=(1000, 1))
    draws = common + math.sqrt(1 - shared) * random.normal(size=(1000, splits))
    covered = np.mean([not average_splits(one.tolist(), test / train).excludes_zero for one in draws])
    plain = np.mean([not average_splits(one.tolist(), 1e-12).excludes_zero for one in draws])
    assert covered == pytest.approx(0.95, abs=0.015)
    assert plain < 0.85


def test_one_split_has_no_interval_and_excludes_nothing():
    found = average_splits([0.5], 0.2)
    assert math.isnan(found.half_width)
    assert not found.excludes_zero


@pytest.mark.parametrize(("values", "ratio"), [([], 0.2), ([1.0, 2.0], 0.0)])
def test_nothing_to_average_is_refused(values: list[float], ratio: float):
    with pytest.raises(ValueError, match="nothing to average"):
        average_splits(values, ratio)
