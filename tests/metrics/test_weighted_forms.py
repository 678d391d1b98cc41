"""A metric of weighted items is that of the items repeated as often."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.metrics.binary import METRICS, Metric, Weighted
from unmask.metrics.weighted_forms import (
    find_weighted_form,
    repeat_items,
    weigh_brier_score,
    weigh_minimum_detection_cost,
    weigh_tpr_at_fpr,
)

BY_SCORE = [metric for metric in METRICS if metric.needs_both_classes and not metric.needs_threshold]


def weigh(metric: Metric) -> Weighted:
    return find_weighted_form(metric) or repeat_items(metric)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@given(
    items=st.lists(
        st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=25
    )
)
def test_weights_are_repeated_items(metric: Metric, items: list[tuple[bool, int, int, int]]):
    is_fake = np.array([fake for fake, *_ in items])
    score = np.array([value / 6 for _, value, *_ in items])
    given = score >= 0.5 if metric.needs_threshold else score
    weights = np.array([[one for *_, one, _ in items], [one for *_, one in items]])
    found = weigh(metric)(is_fake, given, weights.astype(np.float64))
    for value, times in zip(found.tolist(), weights, strict=True):
        repeated = np.repeat(is_fake, times)
        both = len(np.unique(repeated)) == 2
        if not len(repeated) or (metric.needs_both_classes and not both):
            continue  # undefined: whoever compares leaves it out by the classes that are there
        expected = metric.function(repeated, np.repeat(given, times))
        assert (math.isnan(value) and math.isnan(expected)) or value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", BY_SCORE, ids=lambda metric: metric.name)
def test_a_resample_that_lost_a_class_is_no_number_where_both_are_needed(metric: Metric):
    is_fake, score = np.array([True, True, False]), np.array([0.9, 0.2, 0.4])
    found = weigh(metric)(is_fake, score, np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 2.0], [1.0, 0.0, 1.0]]))
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2])


def test_forms_worked_by_hand():
    # Fakes .9, .9, .1; reals .8 (four of them) and .9: at .9 one real of five is called fake, and two fakes of three
    # are found; above it none.
    is_fake, score = np.array([True, True, False, False]), np.array([0.9, 0.1, 0.8, 0.9])
    weights = np.array([[2.0, 1.0, 4.0, 1.0]])
    assert weigh_tpr_at_fpr(is_fake, score, weights, most=0.2) == pytest.approx([2 / 3])
    assert weigh_tpr_at_fpr(is_fake, score, weights, most=0.1) == pytest.approx([0])
    # (0.95 / 5 + 0.5 / 3) / 0.5, less than 1 for calling everything real.
    assert weigh_minimum_detection_cost(is_fake, score, weights) == pytest.approx([0.38 + 1 / 3])
    assert weigh_brier_score(is_fake, score, weights) == pytest.approx([(2 * 0.01 + 0.81 + 4 * 0.64 + 0.81) / 8])


def test_a_metric_of_your_own_is_computed_on_repeated_items():
    mine = Metric(name="mean", title="mean", function=lambda is_fake, score: float(np.mean(np.asarray(score))))
    found = weigh(mine)(np.array([True, False]), np.array([1.0, 0.0]), np.array([[3.0, 1.0], [0.0, 0.0]]))
    assert found[0] == 0.75
    assert np.isnan(found[1])
