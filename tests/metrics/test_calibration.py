"""Temperature and threshold fitted on validation items, and the bins of a reliability diagram."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.metrics.calibration import (
    bin_reliability,
    cross_entropy,
    fit_temperature,
    fit_threshold,
    limit_temperature,
)
from unmask.train.scoring import compute_probability


def test_temperature_undoes_an_overconfident_scale():
    random = np.random.default_rng(0)
    honest = random.normal(size=4000) * 2
    is_fake = random.random(4000) < compute_probability(honest)
    assert fit_temperature(is_fake, honest * 3) == pytest.approx(3.0, rel=0.1)


def test_temperature_lowers_the_loss_of_items_that_the_scores_contradict():
    is_fake, logit = np.array([True, False, True, False]), np.array([9.0, 8.0, -9.0, -7.0])
    temperature = fit_temperature(is_fake, logit)
    assert cross_entropy(is_fake, logit / temperature) < cross_entropy(is_fake, logit)


@pytest.mark.parametrize("scale", [0.5, 3.7, 9.0, 14.0])
def test_fourteen_separable_items_do_not_make_the_scores_certain(scale: float):
    is_fake = np.arange(14) < 7
    logit = np.where(is_fake, 1.0, -1.0) * np.linspace(0.8, 1.2, 14) * scale
    temperature = fit_temperature(is_fake, logit)
    assert temperature >= 1
    # A genuine recording of another corpus, misjudged as far out as the most certain fake.
    assert compute_probability(logit, temperature).max() < 0.97


def test_a_few_contradicting_items_leave_the_temperature_nearer_to_1_than_many():
    is_fake, logit = np.array([True, False, True, False]), np.array([3.0, 3.0, -3.0, -3.0])
    few, many = fit_temperature(is_fake, logit), fit_temperature(np.tile(is_fake, 200), np.tile(logit, 200))
    assert 1 < few < 3
    assert many > 5, "nothing in the scores is worth being certain of"


def test_the_temperature_is_never_below_1_however_many_items_ask_for_it():
    random = np.random.default_rng(0)
    honest = random.normal(size=4000) * 2
    is_fake = random.random(4000) < compute_probability(honest)
    assert fit_temperature(is_fake, honest / 3) == 1.0


@pytest.mark.parametrize("threshold", [0.0, 0.02, 0.5, 0.9998, 1.0])
def test_a_stored_temperature_below_1_is_raised_and_no_verdict_changes(threshold: float):
    logit = np.linspace(-9, 9, 1000)
    temperature, moved = limit_temperature(0.5, threshold)
    before = compute_probability(logit, 0.5) >= threshold
    assert temperature == 1.0
    np.testing.assert_array_equal(compute_probability(logit, temperature) >= moved, before)
    assert limit_temperature(1.7, threshold) == (1.7, threshold)


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
