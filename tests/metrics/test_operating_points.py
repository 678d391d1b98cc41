"""TPR at a false positive rate and detection costs, against numbers worked by hand and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_curve

from unmask.metrics import binary
from unmask.metrics import operating_points as points

FAKE = np.array([True, True, False, True, False, False])
SCORE = np.array([0.9, 0.8, 0.7, 0.4, 0.3, 0.1])


def draw_set(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both classes and scores, with ties in every second set."""
    random = np.random.default_rng(seed)
    fake = np.arange(random.integers(4, 400)) % random.integers(2, 6) == 0
    score = random.normal(size=len(fake)) + random.uniform(-1, 3) * fake
    return fake, np.round(score, 1) if seed % 2 else score


def test_tpr_at_a_false_positive_rate_worked_by_hand():
    # By falling score: fake fake real | fake real real. Two of three fakes without any alarm, all with one of three.
    assert points.tpr_at_fpr(FAKE, SCORE, 0.0) == pytest.approx(2 / 3)
    assert points.tpr_at_fpr(FAKE, SCORE, 0.33) == pytest.approx(2 / 3)
    assert points.tpr_at_fpr(FAKE, SCORE, 1 / 3) == 1.0
    # A tie of a fake and a real item is no threshold that lies between them.
    assert points.tpr_at_fpr([1, 0, 0], [2.0, 2.0, 1.0], 0.1) == 0.0


def test_a_hundred_real_items_allow_one_alarm_at_one_percent():
    fake, score = np.arange(200) < 100, np.concatenate([np.linspace(2, 3, 100), np.linspace(0, 1, 99), [2.5]])
    assert points.tpr_at_1_percent_fpr(fake, score) == 1.0
    fewer = np.arange(200) != 199 - 1
    assert points.tpr_at_1_percent_fpr(fake[fewer], score[fewer]) == pytest.approx(0.5)
    assert points.tpr_at_5_percent_fpr(fake[fewer], score[fewer]) == 1.0


@pytest.mark.parametrize("seed", range(40))
def test_error_rates_equal_those_of_scikit_learn(seed: int):
    fake, score = draw_set(seed)
    alarms, missed = points.trace_errors(fake, score)
    expected_alarms, expected_hits, _ = roc_curve(fake, score, drop_intermediate=False)
    np.testing.assert_allclose(alarms, expected_alarms, atol=1e-12)
    np.testing.assert_allclose(1 - missed, expected_hits, atol=1e-12)
    for most in (0.01, 0.05):
        expected = expected_hits[expected_alarms <= most].max()
        assert points.tpr_at_fpr(fake, score, most) == pytest.approx(expected)


def test_detection_costs_worked_by_hand():
    # Thresholds from the top: (FPR, FNR) = (0, 1) (0, 2/3) (0, 1/3) (1/3, 1/3) (1/3, 0) ...; cost 1.9 FPR + FNR.
    assert points.minimum_detection_cost(FAKE, SCORE) == pytest.approx(1 / 3)
    # Real items on top: accepting every file costs 1, the most that minDCF can be.
    assert points.minimum_detection_cost([0, 0, 1], [3.0, 2.0, 1.0]) == pytest.approx(1.0)
    # A rejection needs an LR above 1.9: one of two fakes is missed, one of four real items is rejected.
    llr = np.log([5.0, 1.8, 2.0, 0.5, 0.2, 0.1])
    assert points.actual_detection_cost([1, 1, 0, 0, 0, 0], llr) == pytest.approx(1.9 / 4 + 1 / 2)
    assert points.actual_detection_cost([1, 0], [-9.0, 9.0]) == pytest.approx(2.9)


@given(st.integers(0, 10_000))
def test_the_best_threshold_costs_no_more_than_that_of_true_ratios_or_one_answer(seed: int):
    fake, score = draw_set(seed)
    least = points.minimum_detection_cost(fake, score)
    assert least <= min(1.0, points.actual_detection_cost(fake, score)) + 1e-12


def test_one_class_or_no_item_gives_nan():
    for fake in ([True, True], [False, False], []):
        score = np.linspace(0, 1, len(fake))
        assert math.isnan(points.tpr_at_1_percent_fpr(fake, score))
        assert math.isnan(points.minimum_detection_cost(fake, score))
        assert math.isnan(points.actual_detection_cost(fake, score))
    assert math.isnan(binary.brier_score([], []))


def test_brier_equals_scikit_learn_and_is_one_quarter_for_a_constant_half():
    fake, score = draw_set(3)
    probability = 1 / (1 + np.exp(-score))
    assert binary.brier_score(fake, probability) == pytest.approx(brier_score_loss(fake, probability))
    assert binary.brier_score([True, False, False], [0.5, 0.5, 0.5]) == 0.25


def test_what_only_evaluations_need_is_not_computed_at_every_validation():
    found = binary.measure(FAKE, SCORE)
    assert {"auc", "ece"} <= found.keys()
    assert not {"brier", "tpr_at_fpr_1", "tpr_at_fpr_5", "min_dcf"} & found.keys()
    assert binary.average_domains([found]).keys() == found.keys()
