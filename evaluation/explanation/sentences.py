"""An explanation in two or three lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from unmask.evaluation.verdicts.findings import Contribution, Explanation, Neighbor

NAMED = 3
"""Training clips in the line; the JSON has all."""
SMALLEST = 0.05
"""A contribution in logits that is worth a line: less changes a probability by about a percent at most."""
WHOLE = {"text": "the text", "metadata": "the file's metadata", "sync": "the fit of mouth and audio"}


def describe_explanation(explanation: Explanation | None) -> Iterator[str]:
    """What speaks most for fake, what for real, and the nearest training clips; nothing without an explanation."""
    if explanation is None:
        return
    for sign, side in ((1, "fake"), (-1, "real")):
        run = find_strongest(explanation.contributions, sign)
        value = sum(one.logit for one in run)
        if run and abs(value) >= SMALLEST:
            total = explanation.logit - explanation.base
            yield f"{name_span(run, explanation.contributions)} most for {side} ({value:+.1f} of {total:+.1f})"
    if explanation.neighbors:
        yield f"nearest training clips: {', '.join(map(_name, explanation.neighbors[:NAMED]))}"
    yield from explanation.notes


def find_strongest(contributions: Sequence[Contribution], sign: int) -> list[Contribution]:
    """The span of one modality, of one or more contributions in a row, with the highest sum in the direction `sign`.

    The maximum sum over ranges (Kadane); contributions that are not adjacent in time begin a new range.
    """
    best: list[Contribution] = []
    most = 0.0
    for _, of_modality in groupby(contributions, key=lambda one: one.modality):
        current: list[Contribution] = []
        total = 0.0
        for one in of_modality:
            if total <= 0 or (current and one.start_s > current[-1].end_s):
                current, total = [], 0.0
            current, total = [*current, one], total + sign * one.logit
            if total > most:
                best, most = current, total
    return best


def name_span(run: Sequence[Contribution], contributions: Sequence[Contribution]) -> str:
    """Such as "audio from 2 to 4 s speaks", of neighboring contributions of one modality."""
    modality = run[0].modality
    if modality in WHOLE:
        return f"{WHOLE[modality]} speaks"
    if len(run) == sum(one.modality == modality for one in contributions):
        return f"{modality} speaks"
    return f"{modality} from {run[0].start_s:.3g} to {run[-1].end_s:.3g} s speaks"


def _name(neighbor: Neighbor) -> str:
    return f"{neighbor.path} ({neighbor.dataset}, {neighbor.label}, similarity {neighbor.similarity:.2f})"
