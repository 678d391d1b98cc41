"""How an epoch is judged."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unmask.train.validation import fit_part_temperature, measure_domain_accuracy, replace_nan

NO = -np.inf


def test_discriminators_are_measured_where_datasets_share_a_pattern():
    # Pattern 1: three clips of dataset 0, two found; one of dataset 1, found. Pattern 2: dataset 2 alone, no guess.
    logits = np.array([[2, 1, NO], [2, 1, NO], [1, 2, NO], [1, 2, NO], [NO, NO, 1]], np.float32)
    found, chance = measure_domain_accuracy(logits, np.array([1, 1, 1, 1, 2]), np.array([0, 0, 0, 1, 2]))
    assert (found, chance) == (pytest.approx((2 / 3 + 1) / 2), 0.5)


def test_a_guess_by_the_modalities_alone_is_exactly_at_chance():
    pattern = np.array([1] * 9 + [3] * 4)
    domain = np.array([0] * 6 + [1] * 2 + [2] + [0] * 3 + [2])
    always_first = np.tile(np.array([1, 0, 0], np.float32), (13, 1))
    found, chance = measure_domain_accuracy(always_first, pattern, domain)
    assert found == pytest.approx(chance)
    assert chance == pytest.approx((3 * 1 / 3 + 2 * 1 / 2) / 5)


def test_nothing_shared_is_nan():
    found = measure_domain_accuracy(np.zeros((2, 2), np.float32), np.array([1, 2]), np.array([0, 1]))
    assert all(math.isnan(value) for value in found)


def test_nan_becomes_none_at_any_depth():
    given = {"a": math.nan, "b": {"c": math.nan, "d": 1.0}, "e": 3}
    assert replace_nan(given) == {"a": None, "b": {"c": None, "d": 1.0}, "e": 3}


def test_patterns_that_the_discriminators_never_saw_are_not_counted():
    """All their logits are -inf, and the largest of these is the first dataset's."""
    logits = np.array([[1.0, 0.0], [0.0, 1.0], [-np.inf, -np.inf], [-np.inf, -np.inf]], np.float32)
    pattern, domain = np.array([1, 1, 2, 2]), np.array([0, 1, 0, 1])
    assert measure_domain_accuracy(logits, pattern, domain) == (1.0, 0.5)
    assert all(math.isnan(value) for value in measure_domain_accuracy(logits[2:], pattern[2:], domain[2:]))


def test_the_score_of_a_modality_is_calibrated_on_the_items_that_have_it_and_are_labeled():
    logit = np.array([9.0, 8.0, -9.0, -7.0, math.nan, 99.0])
    contradicted = np.array([1, 0, 1, 0, 1, -1], np.int8)
    assert fit_part_temperature(contradicted, logit) == fit_part_temperature(contradicted[:4], logit[:4]) > 1.5
    assert fit_part_temperature(np.full(6, -1, np.int8), logit) == 1.0, "no label of the modality, nothing to fit"
