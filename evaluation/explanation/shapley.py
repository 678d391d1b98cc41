"""Shapley values (Shapley 1953; Lundberg and Lee 2017) of a game that is only known by its values.

P players, N coalitions
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

Game = Callable[[NDArray[np.bool_]], NDArray[np.float64]]
"""(N, P) who plays -> (N,) values."""

MOST_EXACT = 6
"""Players up to which every coalition is played: 64 of them."""
PAIRS = 6
"""Of permutations, each with its reverse, for more players."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Of one game: `base` plus the sum of `players` is `value`, but for the rounding of float64."""

    value: float
    """With all players."""
    base: float
    """With none."""
    players: NDArray[np.float64]
    """(P,)"""


def share_value(game: Game, players: int, *, most_exact: int = MOST_EXACT, pairs: int = PAIRS, seed: int = 0) -> Shares:
    """The mean gain of each player over all orders of joining, exact for up to `most_exact` players.

    For more, over random orders, each followed by its reverse (antithetic sampling: Mitchell et al. 2022). The gains of
    every single order sum to the value of all less that of none, so the sum is exact either way.
    """
    if not players:
        value = float(game(np.zeros((1, 0), np.bool_))[0])
        return Shares(value, value, np.zeros(0))
    if players <= most_exact:
        return _share_exactly(game, players)
    return _share_by_orders(game, _draw_orders(players, pairs, seed))


def _share_exactly(game: Game, players: int) -> Shares:
    coalition_NP = (np.arange(2**players)[:, None] >> np.arange(players) & 1).astype(np.bool_)
    value_N = game(coalition_NP)
    size_N = coalition_NP.sum(axis=1)
    weight_S = np.array([factorial(s) * factorial(players - s - 1) for s in range(players)]) / factorial(players)
    shares = np.zeros(players)
    for player in range(players):
        without = np.flatnonzero(~coalition_NP[:, player])
        gain = value_N[without | 1 << player] - value_N[without]
        shares[player] = weight_S[size_N[without]] @ gain
    return Shares(float(value_N[-1]), float(value_N[0]), shares)


def _draw_orders(players: int, pairs: int, seed: int) -> NDArray[np.int64]:
    random = np.random.default_rng([seed, players])
    drawn = np.stack([random.permutation(players) for _ in range(pairs)])
    return np.concatenate([drawn, drawn[:, ::-1]])


def _share_by_orders(game: Game, orders: NDArray[np.int64]) -> Shares:
    """`orders` (O, P): each a permutation of the players."""
    count, players = orders.shape
    place_OP = np.argsort(orders, axis=1)
    # (O, P + 1, P): after each of the P + 1 steps of every order, who has joined.
    joined_OSP = place_OP[:, None] < np.arange(players + 1)[:, None]
    coalition_NP, row = np.unique(joined_OSP.reshape(-1, players), axis=0, return_inverse=True)
    value_OS = game(coalition_NP)[row.reshape(count, players + 1)]
    gain_OP = np.take_along_axis(np.diff(value_OS, axis=1), place_OP, axis=1)
    return Shares(float(value_OS[0, -1]), float(value_OS[0, 0]), gain_OP.mean(axis=0))
