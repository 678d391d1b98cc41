"""Offset and fit of files, of categories, in the tables, the report and the verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from unmask.evaluation.controls import score_sync
from unmask.evaluation.evaluate import evaluate
from unmask.evaluation.item_set import select_labeled
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.report import report
from unmask.evaluation.results import read_evaluation
from unmask.evaluation.sync.measure import FileSync, measure_files, trace_fit
from unmask.evaluation.sync.results import ALL, find_category, summarize_sync
from unmask.evaluation.terminal_table import format_evaluation
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.scored_files import ScoredFiles, describe_sync
from unmask.evaluation.verdicts.verdict import SyncVerdict

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def opened(talking_run: Any) -> Any:
    return talking_run.open()


def measure(opened: Any) -> dict[str, tuple[Any, FileSync]]:
    numbers = opened.list_scorable()
    rows = {row.media_id: row for row in opened.manifest.rows()}
    found = measure_files(opened.data, list(numbers.values()), opened.loaded)
    assert all(one is not None for one in found)
    return {name: (rows[name], one) for name, one in zip(numbers, found, strict=True) if one}


def test_late_audio_is_told_with_its_offset_and_does_not_fit(opened: Any):
    found = measure(opened).values()
    on_time = [one for row, one in found if row.label == 0]
    late = [one for row, one in found if row.label == 1]
    assert len(on_time) == 29
    assert np.mean([abs(one.sync.offset_ms) <= 60 for one in on_time]) > 0.85
    assert np.mean([abs(one.sync.offset_ms - 400) <= 60 for one in late]) > 0.8
    assert np.mean([one.sync.fit for one in on_time]) > 2
    assert np.mean([one.fits for one in on_time]) > np.mean([one.fits for one in late]) + 0.2


def test_the_fit_along_a_recording_has_its_times(opened: Any):
    number = next(iter(opened.list_scorable().values()))
    points = trace_fit(opened.data, number, 0.0)
    seconds = [at for at, _ in points]
    assert seconds == sorted(seconds)
    assert len(points) == 2 * 8, "two clips of 3 s, every 0.4 s"
    assert max(seconds) < 6


def test_items_without_mouth_or_encoder_have_no_sync(opened: Any):
    plain = replace(opened.data, sync=None)
    numbers = list(opened.list_scorable().values())[:2]
    assert measure_files(plain, numbers, opened.loaded) == [None, None]
    silent = replace(opened.data.sync.audio, lengths=np.zeros_like(opened.data.sync.audio.lengths))
    data = replace(opened.data, sync=replace(opened.data.sync, audio=silent))
    assert measure_files(data, numbers, opened.loaded) == [None, None]


def test_rows_per_category_and_dataset(opened: Any):
    pairs = list(measure(opened).values())
    rows = [replace(row, dataset="dff" if number % 2 else "archive") for number, (row, _) in enumerate(pairs)]
    lines = summarize_sync(rows, [one for _, one in pairs])
    assert [line.dataset for line in lines[:2]] == [ALL, ALL]
    assert {line.category for line in lines} == {"genuine", "audio fake"}
    everything = {line.category: line for line in lines if line.dataset == ALL}
    assert everything["genuine"].files == 29
    assert abs(everything["genuine"].offset_ms) < 60
    assert abs(everything["audio fake"].offset_ms - 400) < 60
    assert everything["genuine"].moved < 0.2 < 0.8 < everything["audio fake"].moved
    assert everything["genuine"].fits > everything["audio fake"].fits
    assert summarize_sync(rows, [None] * len(rows)) == ()


@pytest.mark.parametrize(
    ("label", "video_fake", "audio_fake", "expected"),
    [
        (0, None, None, "genuine"),
        (1, True, False, "image fake"),
        (1, None, True, "audio fake"),
        (1, True, True, "image and audio fake"),
        (1, None, None, "fake, part unknown"),
    ],
)
def test_categories(opened: Any, label: int, video_fake: bool | None, audio_fake: bool | None, expected: str):
    row = next(opened.manifest.rows())
    method = "swap" if label else "none"
    assert (
        find_category(replace(row, label=label, method=method, video_fake=video_fake, audio_fake=audio_fake))
        == expected
    )


def test_the_control_finds_what_is_late_and_leaves_out_what_was_not_compared(opened: Any):
    found = measure(opened)
    items = select_labeled([row for row, _ in found.values()])
    sync: list[FileSync | None] = [found[row.media_id][1] for row in items.rows]
    sync[0] = None
    scorer = score_sync(items, sync, seed=0)
    assert scorer.applies is not None
    assert scorer.applies.tolist() == [False] + [True] * (len(items) - 1)
    test = (items.split == "test") & scorer.applies
    assert scorer.score[test & items.is_fake].min() > np.median(scorer.score[test & ~items.is_fake])


def test_evaluation_files_tables_and_report(talking_run: Any):
    evaluation = evaluate(talking_run.run, talking_run.work, device=CPU)
    assert {row.category for row in evaluation.sync} == {"genuine", "audio fake"}
    assert "sync" in [control.name for control in evaluation.controls]
    assert read_evaluation(talking_run.run) == evaluation
    predictions = read_predictions(talking_run.run)
    assert {"sync_offset_ms", "sync_fit", "sync_fits"} <= set(predictions.column_names)
    text = format_evaluation(evaluation)
    assert "Mouth and audio in time" in text
    assert "archive: audio fake" in text
    page = report(talking_run.work, talking_run.run).read_text(encoding="utf-8")
    section = page[page.index('id="sync"') :]
    assert "archive: genuine" in section
    assert section.count("<circle") >= len(predictions)


def test_a_verdict_tells_offset_and_fit(opened: Any):
    numbers = opened.list_scorable()
    items, clips = opened.score(list(numbers.values()), device=CPU)
    found = describe_sync(ScoredFiles(opened, numbers, items, clips, {}, CPU, PredictOptions()))
    assert set(found) == set(numbers)
    one = next(iter(found.values()))
    assert one.fits is not None
    assert len(one.over_time) == 16
    shown = SyncVerdict(offset_ms=320, fit=4.2, fits=0.125, over_time=())
    assert str(shown) == "audio 320 ms late, fits the mouth 0.125"
    assert str(replace(shown, offset_ms=-40, fits=None)) == "audio 40 ms early"
    assert str(replace(shown, offset_ms=0)) == "audio on time, fits the mouth 0.125"
    assert str(replace(shown, fit=2.0)) == "offset of the audio unclear, fits the mouth 0.125"
