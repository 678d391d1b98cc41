"""Counts per stage: fakes of which the manipulated face is unknown are named beside the clips."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from made_evaluation import Made, row

from unmask.evaluation.report.stage_counts import count_stages
from unmask.preprocess.outcomes import Outcome


def test_fakes_with_several_faces_of_similar_size_are_counted_and_reals_are_not(made: Made) -> None:
    rows = [row(number, "dff", 8, label=number % 2) for number in range(4)]

    def describe(windows: tuple[int, ...]) -> str:
        outcomes = {
            one.media_id: Outcome(
                media_id=one.media_id, dataset="dff", path=one.path, outcome="done", clips=3, ambiguous_windows=count
            )
            for one, count in zip(rows, windows, strict=True)
        }
        tokens = SimpleNamespace(stores={})
        stages = count_stages(rows, outcomes, tokens, {}, made.evaluation)  # type: ignore[arg-type]
        return next(line.note for line in stages if line.stage == "preprocess")

    assert describe((2, 3, 0, 0)).endswith(", 1 fake with several faces of similar size and no mask")
    rows[1] = replace(rows[1], video_fake=False, audio_fake=True)
    assert "similar size" not in describe((2, 3, 0, 0)), "of which only the audio is forged"
    assert describe((2, 0, 1, 0)) == "12 clips, 0 faces, 0.0 min of audio"
