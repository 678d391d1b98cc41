"""One verdict in words and as a page."""

from __future__ import annotations

from unmask.evaluation.verdict_page.page import render_page
from unmask.evaluation.verdicts.verdict import Verdict


def describe(verdict: Verdict) -> str:
    """In one line, without the name of the file."""
    if verdict.score is None:
        return f"{verdict.verdict}: {verdict.reason}"
    if verdict.scope is not None and not verdict.scope.reliable:
        return f"{verdict.words}, the score is not reliable: {'; '.join(verdict.scope.reasons)}"
    return verdict.words


def render(verdict: Verdict) -> str:
    """A self-contained page."""
    return render_page([verdict])
