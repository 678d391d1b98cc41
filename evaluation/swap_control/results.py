"""Results of the swap control, as they stand in `evaluation.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from unmask.metrics.bootstrap import Interval

MOST_LOST = 0.03
"""AUC that a score may lose beside a genuine partner before it is marked."""

Part = Literal["image", "audio"]
Score = Literal["joint", "part"]
OTHER: dict[Part, Part] = {"image": "audio", "audio": "image"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFigure:
    """AUC of one score on the files' own part alone and beside genuine partners."""

    score: Score
    """joint: is anything fake; part: is this part fake."""
    same_partner: bool
    """False: of all pairs of a fake and a real file. True: of the pairs with the same partner, where the partner's own
    influence on the score cancels."""
    alone: float
    swapped: float
    difference: float
    """swapped - alone."""
    interval: Interval | None
    """95 %, of the difference; None with fewer than three groups per class."""

    @property
    def loses(self) -> bool:
        return self.difference < -MOST_LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapControl:
    """Files of the evaluated split scored by one of their parts alone, and beside the other part of genuine files."""

    part: Part
    n_real: int
    n_fake: int
    """Files whose part is known to be genuine or fake."""
    groups: int
    partners: int
    """Files with a genuine other part."""
    draws: int
    """Partners per file, each from another identity group."""
    figures: tuple[SwapFigure, ...]
    """Joint and part score over all pairs, then over pairs with the same partner; empty with too few files."""
    meaning: str
    """The result as a sentence."""

    @property
    def loses(self) -> bool:
        """Does the joint score lose too much over all pairs?"""
        return any(one.loses for one in self.figures if one.score == "joint" and not one.same_partner)


def read_swap(value: Mapping[str, Any]) -> SwapControl:
    """Of an entry of `evaluation.json`."""
    figures = tuple(
        SwapFigure(**{**one, "interval": one["interval"] and tuple(one["interval"])}) for one in value["figures"]
    )
    return SwapControl(**{**value, "figures": figures})
