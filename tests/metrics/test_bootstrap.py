"""Intervals over groups."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from unmask.metrics.bootstrap import (
    compute_interval,
    compute_weighted_auc,
    compute_weighted_balanced_accuracy,
    resample_statistic,
)


def scores(seed: int, count: int, signal: float = 1.0) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    is_fake = random.random(count) < 0.5
    return is_fake, random.normal(size=count) + signal * is_fake


def auc_interval(
    is_fake: NDArray[np.bool_], score: NDArray[np.float64], group: NDArray[np.int64], seed: int = 0
) -> tuple[float, float]:
    draws = resample_statistic(group, lambda w: compute_weighted_auc(is_fake, score, w)[:, None], seed=seed)[:, 0]
    found = compute_interval(draws, float(roc_auc_score(is_fake, score)), is_fake, group)
    assert found is not None
    return found


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=30))
def test_a_weighted_auc_is_that_of_items_repeated_as_often(items: list[tuple[bool, int, int]]) -> None:
    is_fake = np.array([fake for fake, _, _ in items])
    score = np.array([value / 4 for _, value, _ in items])
    times = np.array([count for _, _, count in items])
    found = compute_weighted_auc(is_fake, score, times[None].astype(np.float64))[0]
    repeated = np.repeat(is_fake, times)
    if len(np.unique(repeated)) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(repeated, np.repeat(score, times)))


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)), min_size=2, max_size=30))
def test_a_weighted_balanced_accuracy_is_that_of_items_repeated_as_often(items: list[tuple[bool, bool, int]]) -> None:
    is_fake, called = np.array([one[0] for one in items]), np.array([one[1] for one in items])
    times = np.array([count for _, _, count in items])
    found = compute_weighted_balanced_accuracy(is_fake, called, times[None].astype(np.float64))[0]
    repeated = np.repeat(is_fake, times)
    if len(np.unique(repeated)) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(balanced_accuracy_score(repeated, np.repeat(called, times)))


def test_the_interval_holds_the_point_and_is_the_same_for_the_same_seed() -> None:
    is_fake, score = scores(seed=1, count=200)
    group = np.arange(200)
    low, high = auc_interval(is_fake, score, group)
    assert low < roc_auc_score(is_fake, score) < high
    assert (low, high) == auc_interval(is_fake, score, group)
    assert (low, high) != auc_interval(is_fake, score, group, seed=1)


def test_the_width_is_that_of_the_known_standard_error() -> None:
    # Hanley and McNeil 1982 for AUC .76, 200 + 200 items: standard error .024.
    random = np.random.default_rng(5)
    is_fake = np.arange(400) < 200
    score = random.normal(size=400) + 1.0 * is_fake
    low, high = auc_interval(is_fake, score, np.arange(400))
    assert high - low == pytest.approx(2 * 1.96 * 0.024, rel=0.2)


def test_copies_within_a_group_do_not_make_a_figure_surer() -> None:
    is_fake, score = scores(seed=2, count=60)
    once = auc_interval(is_fake, score, np.arange(60))
    copied = auc_interval(np.repeat(is_fake, 10), np.repeat(score, 10), np.repeat(np.arange(60), 10))
    assert copied == pytest.approx(once)
    blind = auc_interval(np.repeat(is_fake, 10), np.repeat(score, 10), np.arange(600))
    assert blind[1] - blind[0] < 0.5 * (once[1] - once[0])


def test_two_groups_of_a_class_give_no_interval() -> None:
    is_fake = np.array([True] * 20 + [False] * 20)
    group = np.concatenate([np.arange(20), np.repeat([20, 21], 10)])
    draws = resample_statistic(
        group, lambda w: compute_weighted_auc(is_fake, np.linspace(1, 0, 40), w)[:, None], seed=0
    )[:, 0]
    assert compute_interval(draws, 1.0, is_fake, group) is None


def test_one_class_gives_no_interval() -> None:
    is_fake, group = np.ones(10, np.bool_), np.arange(10)
    draws = resample_statistic(group, lambda w: compute_weighted_auc(is_fake, np.arange(10.0), w)[:, None], seed=0)[
        :, 0
    ]
    assert np.isnan(draws).all()
    assert compute_interval(draws, float("nan"), is_fake, group) is None


def test_every_group_is_drawn_once_on_average() -> None:
    group = np.array([0, 0, 1, 2, 2, 2])
    drawn = resample_statistic(group, lambda w: w, seed=3, count=4000)
    assert drawn.mean(axis=0) == pytest.approx(np.ones(6), abs=0.06)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_a_thousand_resamples_of_five_thousand_items_take_seconds() -> None:
    is_fake, score = scores(seed=4, count=5000)
    start = time.perf_counter()
    auc_interval(is_fake, score, np.arange(5000) // 2)
    assert time.perf_counter() - start < 10
