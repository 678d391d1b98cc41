"""Metrics against numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.metrics import binary as metrics

FAKE = np.array([True, True, False, True, False, False])
SCORE = np.array([0.9, 0.8, 0.7, 0.4, 0.3, 0.1])


def test_eer_worked_by_hand():
    # By falling score: fake fake real | fake real real. One of three missed, one of three false.
    assert metrics.equal_error_rate(FAKE, SCORE) == pytest.approx(1 / 3)


def test_eer_between_two_points_of_the_roc_is_interpolated():
    # Two fakes, three reals: fake real fake real real. ROC: (0, 1/2), (1/3, 1/2), (1/3, 1): the line missed = false
    # alarms crosses the upright part between the last two at 1/3.
    assert metrics.equal_error_rate([1, 0, 1, 0, 0], [5, 4, 3, 2, 1]) == pytest.approx(1 / 3)
    # All tied: the only threshold takes all or nothing, the ROC is the diagonal.
    assert metrics.equal_error_rate([1, 0, 1, 0], [1, 1, 1, 1]) == pytest.approx(0.5)


def test_eer_of_perfect_and_of_reversed_scores():
    assert metrics.equal_error_rate([1, 1, 0], [3, 2, 1]) == 0.0
    assert metrics.equal_error_rate([0, 0, 1], [3, 2, 1]) == 1.0


def test_auc_and_ap_worked_by_hand():
    # Of nine pairs the fake wins 3 + 3 + 2.
    assert metrics.auc(FAKE, SCORE) == pytest.approx(8 / 9)
    # Precision at the three fakes: 1/1, 2/2, 3/4.
    assert metrics.average_precision(FAKE, SCORE) == pytest.approx((1 + 1 + 3 / 4) / 3)


def test_thresholded_metrics_worked_by_hand():
    # Called fake: four fakes of five, two reals of three.
    fake, called = [1, 1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 1, 1, 0]
    assert metrics.confusion(fake, called) == (4, 1, 2, 1)
    assert metrics.accuracy(fake, called) == pytest.approx(5 / 8)
    assert metrics.balanced_accuracy(fake, called) == pytest.approx((4 / 5 + 1 / 3) / 2)
    assert metrics.precision(fake, called) == pytest.approx(4 / 6)
    assert metrics.recall(fake, called) == pytest.approx(4 / 5)
    assert metrics.f1(fake, called) == pytest.approx(8 / 11)


def test_calibration_error_worked_by_hand():
    # Bin 0..0.5: mean 0.2, no fake. Bin 0.5..1: mean 0.8, one of two fake. (2 * 0.2 + 2 * 0.3) / 4
    assert metrics.calibration_error([0, 0, 1, 0], [0.1, 0.3, 0.7, 0.9], bins=2) == pytest.approx(0.25)
    assert metrics.calibration_error([1, 0], [1.0, 0.0]) == 0.0


@pytest.mark.parametrize("fake", [[1, 1, 1], [0, 0, 0], []])
def test_one_class_gives_nan_and_never_one_half(fake: list[int]):
    found = metrics.measure(np.array(fake, bool), np.linspace(0.1, 0.9, len(fake)))
    for name in ("auc", "eer", "ap", "balanced_accuracy"):
        assert math.isnan(found[name]), name


def test_macro_leaves_out_datasets_that_do_not_define_a_metric():
    fake = np.array([True, False, True, True])
    rows = metrics.measure_by_domain(fake, np.array([0.9, 0.2, 0.8, 0.7]), np.array([0, 0, 2, 2]), ("a", "b", "c"))
    assert list(rows) == ["a", "c"]
    assert math.isnan(rows["c"]["auc"])
    assert (rows["c"]["items"], rows["c"]["fakes"]) == (2, 2)
    assert metrics.average_domains(rows.values())["auc"] == 1.0
    assert math.isnan(metrics.average_domains([rows["c"]])["auc"])


def test_labels_and_scores_of_different_length_are_refused():
    with pytest.raises(ValueError, match="of both"):
        metrics.auc([1, 0], [0.5])


scored = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=40).filter(
    lambda pairs: len({fake for fake, _ in pairs}) == 2
)


@settings(deadline=None)  # a busy machine says nothing about the property
@given(scored)
def test_eer_and_auc_agree_on_a_reversal_and_on_any_rising_scale(pairs: list[tuple[bool, int]]):
    fake, score = np.array([f for f, _ in pairs]), np.array([s for _, s in pairs], float)
    for metric in (metrics.auc, metrics.equal_error_rate):
        assert metric(fake, score) == pytest.approx(1 - metric(fake, -score))
        assert metric(fake, score) == pytest.approx(metric(fake, np.exp(score)))
        assert 0 <= metric(fake, score) <= 1
