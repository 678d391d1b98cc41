"""The lines of an explanation in the terminal."""

from __future__ import annotations

from unmask.evaluation.explanation.sentences import describe_explanation
from unmask.evaluation.verdicts.findings import Contribution, Explanation, Neighbor


def contribute(modality: str, *logits: float, start_s: float = 0.0) -> list[Contribution]:
    """One second each."""
    return [
        Contribution(modality=modality, start_s=start_s + place, end_s=start_s + place + 1, logit=logit)
        for place, logit in enumerate(logits)
    ]


def explain(contributions: list[Contribution], neighbors: int = 0, **fields: object) -> list[str]:
    near = tuple(
        Neighbor(media_id=str(n), dataset="d", path=f"{n}.wav", label="fake", start_s=0, similarity=0.9 - n / 10)
        for n in range(neighbors)
    )
    total = sum(one.logit for one in contributions)
    return list(
        describe_explanation(
            Explanation(logit=total + 1, base=1, contributions=tuple(contributions), neighbors=near, **fields)
        )
    )


def test_neighboring_seconds_of_one_modality_are_told_together():
    lines = explain([*contribute("image", 0.2, 0.2, 0.2), *contribute("audio", -0.1, 0.1, 1.0, 0.8, -0.9)])
    assert lines == [
        "audio from 1 to 4 s speaks most for fake (+1.9 of +1.5)",
        "audio from 4 to 5 s speaks most for real (-0.9 of +1.5)",
    ]


def test_a_gap_between_clips_ends_a_span():
    lines = explain([*contribute("audio", 1.0), *contribute("audio", 2.0, -0.01, start_s=30.5)])
    assert lines == ["audio from 30.5 to 31.5 s speaks most for fake (+2.0 of +3.0)"]


def test_a_whole_modality_is_named_without_its_times():
    assert explain(contribute("image", 0.5)) == ["image speaks most for fake (+0.5 of +0.5)"]
    assert explain(contribute("audio", -0.5, -0.5)) == ["audio speaks most for real (-1.0 of -1.0)"]
    assert explain(contribute("sync", 0.3)) == ["the fit of mouth and audio speaks most for fake (+0.3 of +0.3)"]


def test_next_to_nothing_gets_no_line_and_neighbors_and_notes_follow():
    lines = explain(contribute("text", 0.01), neighbors=5, notes=("no map of x",))
    assert lines == [
        "nearest training clips: 0.wav (d, fake, similarity 0.90), 1.wav (d, fake, similarity 0.80), "
        "2.wav (d, fake, similarity 0.70)",
        "no map of x",
    ]
    assert list(describe_explanation(None)) == []
