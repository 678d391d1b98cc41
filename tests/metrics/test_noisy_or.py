"""Calibration of the terms of a noisy-or."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.metrics.binary import auc
from unmask.metrics.noisy_or import FLATTEST, STEEPEST, combine_arrays, fit_lines

UNKNOWN = np.nan


def fit_one(is_fake, logit) -> tuple[float, float]:
    slope, intercept = fit_lines(logit[:, None], is_fake[:, None].astype(float), is_fake)
    return slope[0], intercept[0]


def test_a_logit_that_is_shifted_is_shifted_back():
    random = np.random.default_rng(0)
    is_fake = random.random(4000) < 0.2
    logit = np.where(is_fake, 1.0, -1.0) + random.standard_normal(4000) * np.sqrt(2)
    slope, intercept = fit_one(is_fake, logit + 3)
    assert slope == pytest.approx(1.0, abs=0.08), "two Gaussians of variance 2 a distance 2 apart have log odds x"
    assert intercept == pytest.approx(-3.0, abs=0.3)


def test_a_logit_that_is_too_timid_becomes_steeper():
    random = np.random.default_rng(0)
    is_fake = random.random(4000) < 0.5
    logit = np.where(is_fake, 1.0, -1.0) + random.standard_normal(4000) * np.sqrt(2)
    assert fit_one(is_fake, logit / 2)[0] == pytest.approx(2.0, abs=0.2)
    assert fit_one(is_fake, logit / 50)[0] <= STEEPEST


def test_few_items_change_little_and_chance_keeps_the_order():
    slope, intercept = fit_one(np.array([True, False]), np.array([1.0, 1.5]))
    assert 0.5 < slope < 1
    assert abs(intercept) < 1.5
    random = np.random.default_rng(1)
    nothing = fit_one(random.random(2000) < 0.5, random.standard_normal(2000) * 3)
    assert nothing[0] == FLATTEST > 0


def test_items_of_one_class_change_nothing():
    slope, intercept = fit_lines(np.zeros((5, 2)), np.ones((5, 2)), np.ones(5, np.bool_))
    assert slope.tolist() == [1, 1]
    assert intercept.tolist() == [0, 0]


def test_the_label_of_the_whole_silences_a_term_that_knows_nothing():
    random = np.random.default_rng(2)
    is_fake = random.random(1000) < 0.5
    good = np.where(is_fake, 2.0, -2.0) + random.standard_normal(1000)
    noise = random.standard_normal(1000) * 3
    terms = np.column_stack([noise, good])
    slope, intercept = fit_lines(terms, np.full((1000, 2), UNKNOWN), is_fake)
    before, after = (auc(is_fake, combine_arrays(lines)) for lines in (terms, slope * terms + intercept))
    assert before < 0.9, before
    assert after > auc(is_fake, good) - 0.01, (before, after)
    assert intercept[0] < -2 < intercept[1]


def test_an_item_may_lack_a_term():
    random = np.random.default_rng(3)
    is_fake = random.random(2000) < 0.5
    terms = np.where(is_fake, 1.0, -1.0)[:, None] + random.standard_normal((2000, 2))
    terms[:1000, 0] = terms[500:, 1] = np.nan
    labels = np.tile(is_fake[:, None].astype(float), 2)
    slope, intercept = fit_lines(terms, labels, is_fake)
    alone = fit_lines(terms[1000:, :1], labels[1000:, :1], is_fake[1000:])
    np.testing.assert_allclose([slope[0], intercept[0]], np.ravel(alone), atol=0.1)
    assert np.isnan(combine_arrays(np.full((1, 2), np.nan)))[0]


def test_the_fit_is_a_minimum_of_what_it_minimizes():
    random = np.random.default_rng(4)
    is_fake = random.random(60) < 0.4
    terms = np.where(is_fake, 0.7, -0.4)[:, None] + random.standard_normal((60, 3))
    terms[random.random(terms.shape) < 0.2] = np.nan
    labels = np.where(random.random(terms.shape) < 0.5, UNKNOWN, is_fake[:, None])
    slope, intercept = fit_lines(terms, labels, is_fake)

    def loss(slope, intercept) -> float:
        """The same by definition."""
        total = ((slope - 1) ** 2 / 0.25 + intercept**2 / 4).sum() / 2
        scaled = slope * terms + intercept
        whole = 1 - np.where(np.isnan(scaled), 1, 1 - 1 / (1 + np.exp(-scaled))).prod(axis=1)
        there = ~np.isnan(terms).all(axis=1)
        targets = [
            (1 / (1 + np.exp(-scaled[:, k])), labels[:, k], ~np.isnan(terms[:, k]) & ~np.isnan(labels[:, k]))
            for k in range(3)
        ]
        for chance, label, rows in [*targets, (whole, is_fake.astype(float), there)]:
            p, y = chance[rows], label[rows]
            weight = len(y) / 2 / np.where(y == 1, y.sum(), len(y) - y.sum())
            total -= (weight * (y * np.log(p) + (1 - y) * np.log(1 - p))).sum()
        return total

    least = loss(slope, intercept)
    for _ in range(50):
        steps = random.standard_normal((2, 3)) * 0.03
        assert loss(np.clip(slope + steps[0], FLATTEST, STEEPEST), intercept + steps[1]) > least
