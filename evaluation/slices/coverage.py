"""Coverage: the share of the expected items that have a score.

Expected are the labeled items of the split, of the media kinds that the run scores, except those that hold nothing of
what it reads (a video without a sound track for a run on audio). A damaged file, one without a face under the policy
"skip" and one that was never preprocessed are expected and lower the coverage.
"""

from __future__ import annotations

from unmask.core.errors import ItemsFailed
from unmask.evaluation.results import Evaluation


def describe_coverage(evaluation: Evaluation) -> str:
    """For example "coverage 0.975: 39 of 40 expected files have a score"."""
    scored, expected = evaluation.scored, evaluation.expected
    text = f"coverage {evaluation.coverage:.3f}: {scored} of {expected} expected files have a score"
    unread = scored + len(evaluation.failures) - expected
    return f"{text}; {unread} more hold nothing that it reads" if unread else text


def check_coverage(evaluation: Evaluation, minimum: float) -> None:
    """`ItemsFailed` for a coverage below `minimum`."""
    if evaluation.coverage < minimum:
        hint = f"see the reasons above; --min-coverage {_round_down(evaluation.coverage)} accepts it"
        raise ItemsFailed(f"{describe_coverage(evaluation)}, fewer than --min-coverage {minimum:g}", hint)


def _round_down(share: float) -> float:
    return int(share * 100) / 100
