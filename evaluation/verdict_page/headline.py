"""A verdict in words, and the order of a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unmask.evaluation.verdicts.findings import Evidence
from unmask.evaluation.verdicts.verdict import Verdict

Tone = Literal["fake", "real", "open", "none"]
"""Style of a headline; open: no evidence either way or not evaluated, none: no verdict."""

CUTS = {"unreadable": "could not be read", "unsupported": "of a format that is not read", "unjudged": "not judged"}
LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True)
class Headline:
    text: str
    """Such as "Moderate evidence of fake"."""
    detail: str
    """One sentence on what it rests on."""
    tone: Tone


def describe_headline(verdict: Verdict) -> Headline:
    """The finding first in words. A score stands alone only where the run was not evaluated, and then says so."""
    if verdict.score is None:
        return Headline(f"No verdict: {CUTS[verdict.verdict]}", _end_sentence(verdict.reason or ""), "none")
    if verdict.scope is not None and not verdict.scope.reliable:
        reasons = "; ".join(verdict.scope.reasons)
        detail = f"{_end_sentence(reasons)} The score of {verdict.score:.2f} is not reliable.".strip()
        return Headline("No verdict: unlike what this run was tested on", detail, "none")
    if verdict.evidence is None:
        side = "at or above" if verdict.verdict == "fake" else "below"
        why = f" {_end_sentence(verdict.evidence_note)}" if verdict.evidence_note else ""
        detail = (
            f"The score lies {side} the run's threshold of {verdict.threshold:.2f}.{why} What it is worth is not known."
        )
        return Headline(f"Score {verdict.score:.2f}, not evaluated", detail, "open")
    words = str(verdict.evidence)
    tone: Tone = "open" if verdict.evidence.supports == "neither" else verdict.evidence.supports
    return Headline(words[:1].upper() + words[1:], describe_evidence(verdict.evidence), tone)


def describe_evidence(evidence: Evidence) -> str:
    """The likelihood ratio as a sentence, with its interval and the bound of the validation items."""
    low, high = sorted((evidence.interval[0], evidence.interval[1]))
    other, one = ("real", "fake") if evidence.llr >= 0 else ("fake", "real")
    if evidence.llr < 0:
        low, high = -high, -low
    most = evidence.highest if evidence.llr >= 0 else -evidence.lowest
    items = f"{evidence.validation_items} validation files" if evidence.validation_items else "validation files"
    return (
        f"Such a score is {format_times(abs(evidence.llr))} times as likely from a {one} file as from a {other} one "
        f"(95 %: {format_times(low)} to {format_times(high)}); this run's {items} support at most "
        f"{format_times(most)} times."
    )


def describe_reliability(verdict: Verdict) -> str:
    """A cell of the table: whether the score can be relied on."""
    if verdict.score is None:
        return "no score"
    if verdict.scope is None:
        return "not evaluated"
    return "yes" if verdict.scope.reliable else f"no: {'; '.join(verdict.scope.reasons)}"


def format_times(llr: float) -> str:
    """exp(`llr`) with two digits: 0.26, 3.2, 12, 1,500."""
    ratio = math.exp(max(-LARGEST_EXPONENT, min(LARGEST_EXPONENT, llr)))
    if ratio >= 1e6 or ratio < 0.001:
        return f"{ratio:.0e}"
    if ratio >= 10:
        return f"{float(f'{ratio:.2g}'):,.0f}"
    return f"{ratio:.2g}"


def sort_by_suspicion(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Most suspicious first; then files without a verdict, and last those without a score."""
    return sorted(verdicts, key=_rank)


def _rank(verdict: Verdict) -> tuple[int, float]:
    if verdict.score is None:
        return 2, 0.0
    reliable = verdict.scope is None or verdict.scope.reliable
    return (0 if reliable else 1), -(verdict.evidence.llr if verdict.evidence else verdict.score)


def _end_sentence(words: str) -> str:
    words = words.strip()
    return words and words[:1].upper() + words[1:] + ("" if words[-1] in ".!?" else ".")
