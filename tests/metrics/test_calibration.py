"""Temperature and threshold fitted on validation items, and the bins of a reliability diagram."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.metrics.calibration import bin_reliability, cross_entropy, fit_temperature, fit_threshold
from unmask.train.scoring import compute_probability


def test_temperature_undoes_an_overconfident_scale():
    random = np.random.default_rng(0)
    honest = random.normal(size=4000) * 2
    is_fake = random.random(4000) < compute_probability(honest)
    assert fit_temperature(is_fake, honest * 3) == pytest.approx(3.0, rel=0.1)


def test_temperature_lowers_the_loss_and_stays_within_its_bounds():
    is_fake, logit = np.array([True, True, False, False]), np.array([9.0, 8.0, -9.0, -7.0])
    assert fit_temperature(is_fake, logit) == pytest.approx(0.5, abs=0.01), "separable: as cold as allowed"
    is_fake = np.array([True, False, True, False])
    temperature = fit_temperature(is_fake, logit)
    assert cross_entropy(is_fake, logit / temperature) < cross_entropy(is_fake, logit)


def test_threshold_is_the_best_balanced_accuracy_halfway_between_two_items():
    is_fake = np.array([True, True, True, False, False])
    assert fit_threshold(is_fake, np.array([0.9, 0.8, 0.4, 0.3, 0.1])) == pytest.approx(0.35)


def test_of_equally_good_thresholds_the_nearest_to_one_half_is_taken():
    # Above 0.8 or above 0.2 both get one of two fakes, or of two reals, wrong.
    is_fake = np.array([True, False, True, False])
    assert fit_threshold(is_fake, np.array([0.9, 0.7, 0.6, 0.1])) == pytest.approx(0.35)


def test_one_class_leaves_the_neutral_values():
    is_fake = np.array([True, True])
    assert fit_temperature(is_fake, np.array([3.0, 1.0])) == 1.0
    assert fit_threshold(is_fake, np.array([0.9, 0.2])) == 0.5


def test_probability_is_the_sigmoid_without_overflow():
    assert compute_probability(np.array([0.0, np.log(3.0), -1e6, 1e6])) == pytest.approx([0.5, 0.75, 0.0, 1.0])
    assert compute_probability(np.array([2.0]), 2.0) == pytest.approx(compute_probability(np.array([1.0])))


def test_cross_entropy_worked_by_hand():
    # -ln 0.75 for a fake at 0.75, -ln 0.5 for a real one at 0.5.
    expected = -(np.log(0.75) + np.log(0.5)) / 2
    assert cross_entropy(np.array([True, False]), np.array([np.log(3.0), 0.0])) == pytest.approx(expected)


def test_reliability_worked_by_hand():
    means, shares = bin_reliability(np.array([True, False, True]), np.array([0.12, 0.18, 1.0]))
    assert (means, shares) == (pytest.approx([0.15, 1.0]), [0.5, 1.0])
