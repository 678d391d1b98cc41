"""Limits that few new items exceed."""

import math

import numpy as np
import pytest

from unmask.metrics.conformal import find_conformal_limit, measure_grouped_share


def test_the_limit_of_independent_items_is_an_order_statistic():
    values = np.arange(1.0, 40)  # 39 items: (39 + 1) * 0.95 = 38 of them have to lie below
    assert find_conformal_limit(values, np.arange(39), 0.05) == 38


def test_too_few_groups_support_no_limit():
    assert find_conformal_limit(np.arange(18.0), np.arange(18), 0.05) == math.inf
    assert find_conformal_limit(np.arange(19.0), np.arange(19), 0.05) == 18
    assert find_conformal_limit(np.zeros(0), np.zeros(0, np.int64), 0.05) == math.inf


def test_many_items_of_one_group_count_as_one():
    # One group of 100 large items beside 39 single ones: 1 of 40 groups is large, which is less than 5 %.
    values = np.concatenate([np.arange(39.0), np.full(100, 1e6)])
    groups = np.concatenate([np.arange(39), np.full(100, 39)])
    assert find_conformal_limit(values, groups, 0.05) == 38
    assert measure_grouped_share(values > 100, groups) == pytest.approx(1 / 40)


def test_new_items_exceed_the_limit_as_often_as_promised():
    random = np.random.default_rng(0)
    exceeded = []
    for _ in range(400):
        place = np.repeat(random.normal(size=31), 4)  # 30 groups to calibrate, one new
        values = place + 0.3 * random.normal(size=len(place))
        limit = find_conformal_limit(values[:120], np.repeat(np.arange(30), 4), 0.1)
        exceeded.append((values[120:] > limit).mean())
    assert 0.05 < np.mean(exceeded) < 0.125
