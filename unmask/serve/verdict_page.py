"""One verdict in words and as a page."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment

from unmask.core.html.pages import make_environment
from unmask.evaluation.verdicts.verdict import Verdict


def describe(verdict: Verdict) -> str:
    """In one line, without the name of the file."""
    if verdict.score is None:
        return f"{verdict.verdict}: {verdict.reason}"
    if verdict.scope is not None and not verdict.scope.reliable:
        return f"no reliable verdict: {'; '.join(verdict.scope.reasons)}"
    if verdict.evidence is not None:
        return str(verdict.evidence)
    return str(verdict).removeprefix(f"{verdict.path}: ")


def render(verdict: Verdict) -> str:
    """A self-contained page."""
    return _templates().get_template("verdict.html").render(verdict=verdict, words=describe(verdict))


@cache
def _templates() -> Environment:
    return make_environment("unmask.serve")
