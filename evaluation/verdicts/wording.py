"""A verdict in words: what the evidence is first, numbers after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unmask.core.terminal.shown_text import escape_hidden
from unmask.evaluation.likelihood.table import format_ratio
from unmask.evaluation.verdicts.findings import Evidence

if TYPE_CHECKING:
    from unmask.evaluation.verdicts.verdict import Verdict

NO_VERDICT = "no verdict"


def describe_verdict(verdict: Verdict) -> str:
    """One line: words, what was judged, what was not, and the score behind them."""
    if verdict.score is None:
        return escape_hidden(f"{verdict.path}: {describe_finding(verdict)}")
    return escape_hidden(f"{verdict.path}: {'; '.join(_list_parts(verdict, verdict.score))}")


def name_finding(verdict: Verdict) -> str:
    """The finding in a few words, such as "moderate evidence of fake", "no verdict" or "unreadable"."""
    if verdict.score is None:
        return verdict.verdict
    if verdict.scope is not None and not verdict.scope.reliable:
        return NO_VERDICT
    if verdict.evidence is None:
        return f"{verdict.verdict} by its score, of unknown weight"
    return str(verdict.evidence)


def describe_numbers(evidence: Evidence) -> str:
    """LR 14, 95 % 5 to 40, at most 21 with this run's 60 validation files."""
    low, high = map(format_ratio, evidence.interval)
    bound = evidence.highest if evidence.llr >= 0 else evidence.lowest
    most = "at most" if evidence.llr >= 0 else "at least"
    numbers = f"LR {format_ratio(evidence.llr)}, 95 % {low} to {high}, {most} {format_ratio(bound)}"
    return f"{numbers} with this run's {evidence.validation_items} validation files"


def _list_parts(verdict: Verdict, score: float) -> Iterator[str]:
    reliable = verdict.scope is None or verdict.scope.reliable
    yield describe_finding(verdict)
    if verdict.judged:
        yield f"judged: {', '.join(verdict.judged)}"
    if verdict.not_judged:
        yield f"not judged: {', '.join(verdict.not_judged)}"
    if reliable:
        yield from _describe_image_and_audio(verdict)
        yield from _describe_clips(verdict)
        if verdict.faces:
            scores = ", ".join(f"{face.score:.3f}" for face in verdict.faces)
            yield f"{len(verdict.faces)} faces, each alone: score {scores}"
    if verdict.sync is not None:
        yield str(verdict.sync)
    if verdict.faces_found is not None:
        yield f"face in {verdict.faces_found:.0%} of frames"
    if verdict.scope is not None:
        yield from (f"note: {note}" for note in verdict.scope.notes)
    if verdict.reason and not any(verdict.reason in part for part in verdict.not_judged):
        yield verdict.reason
    called = f": {verdict.verdict}" if reliable else ""
    yield f"score {score:.3f}, threshold {verdict.threshold:.3f}{called}"


def describe_finding(verdict: Verdict) -> str:
    """The finding with its numbers, or with the reasons why there is none."""
    if verdict.score is None:
        return f"{verdict.verdict} ({verdict.reason})"
    if verdict.scope is not None and not verdict.scope.reliable:
        return f"{NO_VERDICT}, the score is not reliable: {', '.join(verdict.scope.reasons)}"
    if verdict.evidence is None:
        return f"{verdict.words} ({verdict.evidence_note})" if verdict.evidence_note else verdict.words
    return f"{verdict.words} ({describe_numbers(verdict.evidence)})"


def _describe_image_and_audio(verdict: Verdict) -> Iterator[str]:
    """Of files with both: of others the finding says it."""
    if verdict.video_score is None or verdict.audio_score is None:
        return
    parts = (
        ("image", verdict.image_evidence, verdict.video_score),
        ("audio", verdict.audio_evidence, verdict.audio_score),
    )
    for name, evidence, score in parts:
        told = f"{evidence}, LR {format_ratio(evidence.llr)}, " if evidence else ""
        yield f"{name} alone: {told}score {score:.3f}"


def _describe_clips(verdict: Verdict) -> Iterator[str]:
    if len(verdict.clips) < 2:
        return
    low, high = (choose(verdict.clips, key=lambda clip: clip.score) for choose in (min, max))
    spans = (f"{clip.score:.3f} ({clip.start_s:.3g} to {clip.end_s:.3g} s)" for clip in (low, high))
    yield f"{len(verdict.clips)} clips: {' to '.join(spans)}"
