"""The scores of a file beside the manifest's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import UsageError
from unmask.evaluation.foreign.item_ids import ItemIds
from unmask.evaluation.foreign.score_file import ScoreFile, Side, refuse_pair
from unmask.evaluation.foreign.threshold import ScoreKind, guess_kind
from unmask.manifests.manifest import MediaRow


@dataclass(frozen=True)
class PlacedScores:
    kind: ScoreKind
    higher_is: Side
    score: dict[str, float]
    """media_id -> score, high meaning fake."""
    unknown: tuple[str, ...]
    """Ids of no media file."""

    def __contains__(self, row: MediaRow) -> bool:
        return row.media_id in self.score

    def take(self, rows: Sequence[MediaRow]) -> NDArray[np.float64]:
        """(len(rows),) scores."""
        return np.array([self.score[row.media_id] for row in rows], np.float64)


def place_scores(
    given: ScoreFile, rows: Sequence[MediaRow], kind: ScoreKind | None, higher_is: Side | None
) -> PlacedScores:
    """`kind` and `higher_is` None: as the file suggests. `UsageError` where a row has two scores."""
    side = higher_is or given.higher_is
    numbers = ItemIds(rows).find(given.ids.to_pylist())
    _refuse_two_scores(given, numbers, rows)
    chosen = kind or guess_kind(given.score, side)
    score = _turn(given, chosen, side)
    known = np.flatnonzero(numbers >= 0)
    return PlacedScores(
        kind=chosen,
        higher_is=side,
        score={rows[numbers[place]].media_id: float(score[place]) for place in known.tolist()},
        unknown=tuple(given.ids.take(np.flatnonzero(numbers < 0)).to_pylist()),
    )


def _turn(given: ScoreFile, kind: ScoreKind, side: Side) -> NDArray[np.float64]:
    """(N,) scores, high meaning fake."""
    outside = np.flatnonzero((given.score < 0) | (given.score > 1))
    if kind == "probability" and len(outside):
        bad = int(outside[0])
        problem = f"{given.path}, line {given.find_line(bad)}: {given.score[bad]:g} is no probability"
        raise UsageError(problem, "--score-kind logit or raw")
    if side == "fake":
        return given.score
    return 1.0 - given.score if kind == "probability" else -given.score


def _refuse_two_scores(given: ScoreFile, numbers: NDArray[np.int64], rows: Sequence[MediaRow]) -> None:
    """Two ids may be names of one file."""
    first: dict[int, int] = {}
    for place, number in enumerate(numbers.tolist()):
        if number >= 0 and number in first:
            row = rows[number]
            refuse_pair(given, first[number], place, f"{row.dataset}/{row.path} has two scores")
        first[number] = place
