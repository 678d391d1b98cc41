"""Distances to the nearest training items."""

from __future__ import annotations

import numpy as np

from unmask.evaluation.verdict_models.token_space import FEWEST_ITEMS, MOST_KEPT, fit_token_space


def draw(count: int, seed: int, shift: float = 0.0):
    return (np.random.default_rng(seed).normal(size=(count, 16)) * 3 + 10 + shift).astype(np.float32)


def test_other_items_are_farther_than_those_like_the_training_items():
    space = fit_token_space("lite0", "image", draw(200, 0), seed=0)
    assert space is not None
    assert space.measure(draw(50, 1)).max() < space.measure(draw(50, 2, shift=20)).min()
    # Tokens near zero have a direction like any other, and are far in length: silence.
    assert space.measure(draw(50, 1)).max() < space.measure(np.zeros((1, 16), np.float32))[0]


def test_one_odd_training_item_does_not_vouch_for_all_like_it():
    odd = np.full((1, 16), 80.0, np.float32)
    one = fit_token_space("lite0", "image", np.concatenate([draw(200, 0), odd]), seed=0)
    ten = fit_token_space("lite0", "image", np.concatenate([draw(200, 0), odd.repeat(10, axis=0)]), seed=0)
    assert one is not None
    assert ten is not None
    assert one.measure(odd)[0] > one.measure(draw(50, 1)).max()
    assert ten.measure(odd)[0] < 1e-2


def test_it_stays_small_and_needs_some_items():
    space = fit_token_space("lite0", "image", draw(2000, 0), seed=0)
    assert space is not None
    assert (space.kept.shape, space.kept.dtype) == ((MOST_KEPT, 16), np.float16)
    assert fit_token_space("lite0", "image", draw(FEWEST_ITEMS - 1, 0), seed=0) is None
    assert space.measure(np.zeros((0, 16), np.float32)).shape == (0,)


def test_dimensions_that_never_vary_do_not_turn_rounding_into_distance():
    means = draw(100, 0)
    means[:, 3] = 5.0
    space = fit_token_space("lite0", "image", means, seed=0)
    near = draw(20, 1)
    near[:, 3] = 5.0005
    assert space is not None
    assert np.isfinite(space.measure(near)).all()
    assert space.measure(near).max() < 3
