"""Why an item has no score: nothing is left out without a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome, read_outcomes


def outcomes(media: Path) -> dict[str, Outcome]:
    """media_id -> what preprocessing wrote about it."""
    return {outcome.media_id: outcome for outcome in read_outcomes(media)}


def reasons(known: Mapping[str, Outcome], rows: Iterable[MediaRow]) -> dict[str, str]:
    """ "<dataset>/<path>" -> the first stage's reason for having nothing of each of `rows`."""
    return {f"{row.dataset}/{row.path}": reason(row, known.get(row.media_id)) for row in rows}


def reason(row: MediaRow, outcome: Outcome | None) -> str:
    why, problem = cause(row, outcome)
    return f"{why}: {problem}" if problem else why


def cause(row: MediaRow, outcome: Outcome | None) -> tuple[str, str | None]:
    """The reason, and the problem in words where it is known."""
    if row.status == "failed":
        why, _, problem = (row.reason or "unreadable").partition(": ")
        return why, problem or None
    if outcome is None:
        return "not preprocessed", None
    if outcome.reason:
        return outcome.reason, outcome.problem
    return "no tokens of an encoder that the run reads" + (f" ({outcome.problem})" if outcome.problem else ""), None
