"""Log-likelihood ratios against numbers worked by hand, scikit-learn and known distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from unmask.metrics import likelihood_ratios as ratios


def draw_set(seed: int, size: int = 300, skill: float = 2.0) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    fake = np.arange(size) % 4 != 0
    return fake, random.normal(size=size) + skill * fake


def test_cllr_worked_by_hand():
    # LRs 3 and 1 of two fakes, 1/3 and 1 of two real items: (log2(4/3) + log2(2)) / 2 on both sides.
    llr = np.log([3.0, 1.0, 1 / 3, 1.0])
    assert ratios.measure_cllr([1, 1, 0, 0], llr) == pytest.approx((math.log2(4 / 3) + 1) / 2)
    assert ratios.measure_cllr([1, 0, 0], np.zeros(3)) == pytest.approx(1.0)
    assert ratios.measure_cllr([1, 0], [math.inf, -math.inf]) == 0.0
    assert ratios.measure_cllr([1, 1, 0], [5.0, -math.inf, -1.0]) == math.inf
    assert math.isnan(ratios.measure_cllr([1, 1], [1.0, 2.0]))


def test_cllr_min_worked_by_hand():
    # Order: real | fake real | fake. The pair in the middle is pooled to LR 1, the ends are certain.
    assert ratios.measure_minimum_cllr([0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0]) == pytest.approx(0.5)
    assert ratios.recalibrate(np.array([0, 1, 0, 1], bool), [1.0, 2.0, 3.0, 4.0]).tolist() == [
        -math.inf,
        0.0,
        0.0,
        math.inf,
    ]
    # Three real items and one fake tie: balanced classes leave LR 1 whatever the counts.
    assert ratios.measure_minimum_cllr([0, 0, 0, 1], [2.0, 2.0, 2.0, 2.0]) == pytest.approx(1.0)
    assert ratios.measure_minimum_cllr([0, 1], [-math.inf, math.inf]) == 0.0


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_recalibration_never_costs_and_ignores_monotone_changes(seed: int):
    fake, score = draw_set(seed, size=60, skill=1.0)
    least = ratios.measure_minimum_cllr(fake, score)
    assert 0 <= least <= min(1.0, ratios.measure_cllr(fake, score)) + 1e-12
    assert ratios.measure_minimum_cllr(fake, np.exp(score)) == pytest.approx(least)
    # Swapping the classes and the sign, as ASVspoof does, changes nothing.
    assert ratios.measure_cllr(~fake, -score) == pytest.approx(ratios.measure_cllr(fake, score))
    assert ratios.measure_minimum_cllr(~fake, -score) == pytest.approx(least)


def test_weighted_cllr_is_that_of_repeated_items():
    fake, llr = draw_set(1, size=20)
    times = np.random.default_rng(1).integers(0, 4, size=20)
    repeated = ratios.measure_cllr(np.repeat(fake, times), np.repeat(llr, times))
    found = ratios.weigh_cllr(fake, llr, np.stack([times, np.where(fake, 0, 1)]).astype(float))
    assert found[0] == pytest.approx(repeated)
    assert math.isnan(found[1])


def test_platt_equals_a_balanced_logistic_regression_with_platts_targets():
    fake, logit = draw_set(2)
    transform = ratios.fit_platt(fake, logit)
    fakes, reals = int(fake.sum()), int((~fake).sum())
    share = np.where(fake, (fakes + 1) / (fakes + 2), 1 / (reals + 2))
    half = 0.5 / np.where(fake, fakes, reals)
    # A soft target is an item of each class, weighted by it.
    model = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000)
    model.fit(
        np.tile(logit, 2)[:, None],
        np.repeat([1, 0], len(fake)),
        sample_weight=len(fake) * np.concatenate([half * share, half * (1 - share)]),
    )
    expected = model.decision_function(logit[:, None])
    np.testing.assert_allclose(transform(logit), expected, atol=1e-4)


def test_the_prior_odds_are_taken_out():
    # Two normal distributions of deviation 1, 2 apart: the true LLR is 2 x - 2, whatever the share of fakes.
    random = np.random.default_rng(0)
    for fakes, reals in ((20_000, 2_000), (2_000, 20_000)):
        fake = np.arange(fakes + reals) < fakes
        logit = random.normal(size=fakes + reals) + 2 * fake
        at = np.array([0.0, 1.0, 2.0])
        np.testing.assert_allclose(ratios.fit_platt(fake, logit)(at), 2 * at - 2, atol=0.15)
        np.testing.assert_allclose(ratios.fit_isotonic(fake, logit)(at), 2 * at - 2, atol=0.5)
        (temperature, *_) = ratios.fit_likelihood_models(
            fake, 2 * logit - 2 + math.log(fakes / reals), temperature=1.0, prior_log_odds=math.log(fakes / reals)
        )
        np.testing.assert_allclose(temperature(2 * at - 2 + math.log(fakes / reals)), 2 * at - 2, atol=1e-9)


def test_separable_classes_have_finite_ratios_and_inverted_scores_none():
    fake = np.arange(20) < 8
    for model in ratios.fit_likelihood_models(fake, np.where(fake, 3.0, -3.0), temperature=1.0, prior_log_odds=0.0):
        assert np.isfinite(model(np.array([-99.0, 0.0, 99.0]))).all()
    for model in ratios.fit_likelihood_models(fake, np.where(fake, -3.0, 3.0), temperature=1.0, prior_log_odds=0.0):
        assert model(np.array([-99.0, 0.0, 99.0])).tolist() == [0.0, 0.0, 0.0], model.method


def test_bounds_worked_by_hand():
    # Five fakes at LR e^9, eight real items at e^-9; with one misleading item each, above LR 1: 5/6 of the fakes and
    # 1/9 of the real ones, below 1: 1/6 and 8/9.
    fake, llr = np.arange(13) < 5, np.where(np.arange(13) < 5, 9.0, -9.0)
    lowest, highest = ratios.find_bounds(fake, llr)
    assert math.exp(highest) == pytest.approx(5 / 6 * 9)
    assert math.exp(lowest) == pytest.approx(1 / 6 / (8 / 9))
    # No larger than the ratios themselves.
    assert ratios.find_bounds(fake, llr / 90) == pytest.approx((-0.1, 0.1))
    # One real item of 19 at LR 4: above 1 the ratio of the rates is 9/10 / (2/20) = 9, so LR 4 is passed; above 4 it
    # is 9/10 / (1/20) = 18.
    llr = np.concatenate([np.full(9, math.log(1000)), [math.log(4)], np.full(18, math.log(1 / 1000))])
    assert math.exp(ratios.find_bounds(np.arange(28) < 9, llr)[1]) == pytest.approx(18.0)
    # At LR 12 instead, 9 is not passed.
    llr[9] = math.log(12)
    assert math.exp(ratios.find_bounds(np.arange(28) < 9, llr)[1]) == pytest.approx(9.0)


@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(-1, 6))
@settings(max_examples=60)
def test_bounds_never_pass_the_number_of_items(seed: int, size: int, skill: float):
    fake, logit = draw_set(seed, size=size + 3, skill=skill)
    for model in ratios.fit_likelihood_models(fake, logit, temperature=1.0, prior_log_odds=0.0):
        assert 0 <= model.highest < math.log((~fake).sum() + 1)
        assert 0 <= -model.lowest < math.log(fake.sum() + 1)
