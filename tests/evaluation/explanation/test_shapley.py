"""Shapley values of games whose values are known."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from unmask.evaluation.explanation.shapley import share_value


def play_gloves(present):
    """Players 0 and 1 have a left glove each, player 2 a right one; a pair is worth 1 (Shapley and Shubik 1969)."""
    return ((present[:, 0] | present[:, 1]) & present[:, 2]).astype(float)


def make_game(players: int, seed: int = 0):
    """Values with interactions between all players."""
    weights = np.random.default_rng(seed).standard_normal((players, players))
    return lambda present: np.tanh(np.einsum("np,pq,nq->n", present, weights, present) / 3) + 0.5


def share_by_definition(game, players: int) -> np.ndarray:
    """The mean gain over every order."""
    shares = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        present = np.zeros((1, players), bool)
        for player in order:
            before = game(present)[0]
            present[0, player] = True
            shares[player] += (game(present)[0] - before) / len(orders)
    return shares


def test_the_glove_game_worked_by_hand():
    shares = share_value(play_gloves, 3)
    assert shares.players == pytest.approx([1 / 6, 1 / 6, 4 / 6])
    assert (shares.base, shares.value) == (0, 1)


@pytest.mark.parametrize("players", [1, 2, 5])
def test_a_few_players_get_their_mean_gain_over_all_orders(players: int):
    game = make_game(players)
    assert share_value(game, players).players == pytest.approx(share_by_definition(game, players), abs=1e-12)


def test_the_shares_of_many_players_sum_exactly_and_are_near_the_exact_ones():
    game = make_game(9)
    exact, drawn = share_value(game, 9, most_exact=9), share_value(game, 9, pairs=200)
    assert drawn.players.sum() == pytest.approx(drawn.value - drawn.base, abs=1e-12)
    assert (drawn.value, drawn.base) == (exact.value, exact.base)
    assert np.abs(drawn.players - exact.players).max() < 0.1 * np.abs(exact.players).max()
    few = share_value(game, 9, pairs=1)
    assert few.players.sum() == pytest.approx(exact.value - exact.base, abs=1e-12)
    assert np.abs(few.players - exact.players).max() > np.abs(drawn.players - exact.players).max()


def test_one_who_changes_nothing_gets_nothing_and_the_game_is_asked_once():
    asked = []

    def game(present):
        asked.append(len(np.unique(present, axis=0)) == len(present))
        return present[:, :8].sum(axis=1) ** 2.0

    shares = share_value(game, 9)
    assert shares.players[8] == 0
    assert shares.players.sum() == pytest.approx(64)
    assert asked == [True]


def test_a_game_without_players_is_its_value():
    shares = share_value(lambda present: np.full(len(present), 3.0), 0)
    assert (shares.base, shares.value, len(shares.players)) == (3, 3, 0)
