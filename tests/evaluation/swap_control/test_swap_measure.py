"""AUC alone and beside partners, on numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.evaluation.swap_control.measure import SwapScores, measure_figures

FAKE = np.array([True, True, False, False])


def scores(swapped: list[list[float]], block: list[list[int]], alone: tuple[float, ...] = (4, 3, 2, 1)) -> SwapScores:
    values = np.array(swapped, np.float64)
    return SwapScores(
        is_fake=FAKE,
        group=np.arange(4),
        alone={"joint": np.array(alone, np.float64), "part": np.array(alone, np.float64)},
        swapped={"joint": values, "part": np.tile(np.array(alone, np.float64), (len(values), 1))},
        block=np.array(block),
    )


def test_pooled_and_same_partner_figures_worked_by_hand():
    # The first partner lifts file 0 and file 2 by 10, the second lowers nothing: pooled, file 2 passes file 1.
    found = measure_figures(scores([[14, 3, 12, 1]], [[0, 1, 0, 1]]), seed=0)
    by_name = {(one.score, one.same_partner): one for one in found}
    assert len(by_name) == len(found) == 4
    assert (by_name["joint", False].alone, by_name["joint", False].swapped) == (1, 0.75)
    assert by_name["joint", False].difference == -0.25
    assert by_name["joint", False].loses
    assert by_name["joint", True].swapped == 1, "the partner's own influence cancels"
    assert not by_name["joint", True].loses
    assert by_name["part", False].difference == 0


def test_the_draws_are_averaged_and_ties_count_half():
    found = measure_figures(scores([[1, 1, 1, 1], [4, 3, 2, 1]], [[0, 1, 0, 1], [0, 1, 1, 0]]), seed=0)
    assert [one.swapped for one in found if one.score == "joint"] == [0.75, 0.75]


def test_the_interval_is_of_the_paired_difference():
    random = np.random.default_rng(0)
    is_fake, alone = np.arange(60) % 2 == 1, random.normal(size=60)
    both = {"joint": alone, "part": alone}
    same = {name: np.stack([value, value + 1]) for name, value in both.items()}
    blocks = np.tile(np.arange(60) // 2, (2, 1))
    made = SwapScores(is_fake=is_fake, group=np.arange(60), alone=both, swapped=same, block=blocks)
    for one in measure_figures(made, seed=0):
        assert one.difference == 0
        assert one.interval == pytest.approx((0, 0)), "AUCs that vary, but never differ"
