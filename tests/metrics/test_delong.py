"""DeLong's variance and paired test, and Holm's correction, against numbers worked by hand and slow computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from unmask.metrics.delong import compare_aucs, estimate_auc_variance
from unmask.metrics.holm import correct_p_values

FAKE = np.array([True, True, True, False, False])


def place_by_pairs(is_fake: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Placement values by the definition: every fake with every real."""
    fakes, reals = score[is_fake].tolist(), score[~is_fake].tolist()

    def wins(fake: float, real: float) -> float:
        return 1.0 if fake > real else 0.5 if fake == real else 0.0

    below = [float(np.mean([wins(fake, real) for real in reals])) for fake in fakes]
    above = [float(np.mean([wins(fake, real) for fake in fakes])) for real in reals]
    return below, above


def test_the_variance_of_five_items_worked_by_hand() -> None:
    # Fakes 4, 3, 1; reals 2, 0. Share of the reals below each fake: 1, 1, 1/2; of the fakes above each real: 2/3, 1.
    # AUC 5/6. Variances of the shares: 1/12 and 1/18, so (1/12) / 3 + (1/18) / 2 = 1/36 + 1/36.
    auc, variance = estimate_auc_variance(FAKE, np.array([4.0, 3.0, 1.0, 2.0, 0.0]))
    assert auc == pytest.approx(5 / 6)
    assert variance == pytest.approx(1 / 18)


def test_the_paired_test_of_five_items_worked_by_hand() -> None:
    # Second score: fakes 1, 3, 4; reals 2, 0: shares 1/2, 1, 1 and 2/3, 1. The shares of the reals are those of the
    # first score; of the fakes the difference is 1/2, 0, -1/2 with mean 0 and variance 1/4: (1/4) / 3 in all.
    first, second = np.array([4.0, 3.0, 1.0, 2.0, 0.0]), np.array([1.0, 3.0, 4.0, 2.0, 0.0])
    found = compare_aucs(FAKE, first, second)
    assert found is not None
    assert found.difference == pytest.approx(0)
    assert found.error == pytest.approx(math.sqrt(1 / 12))
    assert found.interval == pytest.approx((-1.959964 * found.error, 1.959964 * found.error))
    assert found.p == pytest.approx(1)


def test_a_tie_counts_half() -> None:
    # Fakes 2, 1; reals 1, 0: shares 1, 3/4 and 3/4, 1. Variances 1/32 each: 1/64 + 1/64.
    auc, variance = estimate_auc_variance(np.array([True, True, False, False]), np.array([2.0, 1.0, 1.0, 0.0]))
    assert (auc, variance) == pytest.approx((7 / 8, 1 / 32))


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), min_size=5, max_size=40).filter(
        lambda items: 2 <= sum(fake for fake, _, _ in items) <= len(items) - 2
    )
)
def test_midranks_give_the_placement_values_of_all_pairs(items: list[tuple[bool, int, int]]) -> None:
    is_fake = np.array([fake for fake, _, _ in items])
    first, second = (np.array([float(item[at]) for item in items]) for at in (1, 2))
    auc, variance = estimate_auc_variance(is_fake, first)
    below, above = place_by_pairs(is_fake, first)
    assert auc == pytest.approx(roc_auc_score(is_fake, first))
    assert variance == pytest.approx(np.var(below, ddof=1) / len(below) + np.var(above, ddof=1) / len(above), abs=1e-12)
    others = place_by_pairs(is_fake, second)
    apart = [np.subtract(one, other) for one, other in zip((below, above), others, strict=True)]
    found = compare_aucs(is_fake, first, second)
    assert found is not None
    assert found.error == pytest.approx(math.sqrt(sum(np.var(one, ddof=1) / len(one) for one in apart)), abs=1e-7)


def test_equal_scores_are_equal_and_one_item_of_a_class_is_no_test() -> None:
    score = np.random.default_rng(0).normal(size=5)
    found = compare_aucs(FAKE, score, score * 2)
    assert found is not None
    assert (found.difference, found.error, found.p) == (0, 0, 1)
    assert compare_aucs(np.array([True, False, False]), score[:3], score[2:]) is None


def test_different_aucs_without_variance_have_no_p() -> None:
    right = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    found = compare_aucs(FAKE, right, -right)
    assert found is not None
    assert (found.difference, found.p) == (1, None)


def test_the_test_rejects_equal_scorers_in_five_of_a_hundred_draws() -> None:
    random, rejected = np.random.default_rng(3), 0
    is_fake = np.arange(120) < 60
    for _ in range(400):
        first, second = random.normal(size=(2, 120)) + is_fake
        found = compare_aucs(is_fake, first, second)
        assert found is not None
        assert found.p is not None
        rejected += found.p < 0.05
    # 20 of 400 expected, with a deviation of 4.4.
    assert 7 <= rejected <= 35


def test_holm_worked_by_hand() -> None:
    # In order .01, .02, .03, .04 times 4, 3, 2, 1: .04, .06, .06, .04, each at least the one before.
    assert correct_p_values([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert correct_p_values([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert correct_p_values([0.03]) == [0.03]


def test_a_test_that_was_not_possible_does_not_count() -> None:
    assert correct_p_values([None, 0.01, None, 0.04]) == [None, pytest.approx(0.02), None, pytest.approx(0.04)]
    assert correct_p_values([]) == []
