"""Why an item has no score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from unmask.evaluation.results import UNREAD
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome, read_outcomes


def load_outcomes(media: Path) -> dict[str, Outcome]:
    """media_id -> outcome of preprocessing."""
    return {outcome.media_id: outcome for outcome in read_outcomes(media)}


def list_reasons(outcomes: Mapping[str, Outcome], rows: Iterable[MediaRow]) -> dict[str, str]:
    """ "<dataset>/<path>" -> reason of the first stage that gave no result, for each of `rows`."""
    return {f"{row.dataset}/{row.path}": format_reason(row, outcomes.get(row.media_id)) for row in rows}


def format_reason(row: MediaRow, outcome: Outcome | None) -> str:
    why, problem = find_cause(row, outcome)
    return f"{why}: {problem}" if problem else why


def find_cause(row: MediaRow, outcome: Outcome | None) -> tuple[str, str | None]:
    """The reason, and the problem in words if known."""
    if row.status == "failed":
        why, _, problem = (row.reason or "unreadable").partition(": ")
        return why, problem or None
    if outcome is None:
        return "not preprocessed", None
    if outcome.reason:
        return outcome.reason, outcome.problem
    return UNREAD + (f" ({outcome.problem})" if outcome.problem else ""), None
