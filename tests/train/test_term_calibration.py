"""Calibration of the terms of a part fusion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unmask.metrics.noisy_or import combine_arrays
from unmask.train.scoring import ClipScores
from unmask.train.term_calibration import TermCalibration, calibrate_terms, fit_terms

TERMS = ("image", "audio", "joint")


def make_scores(terms: np.ndarray) -> ClipScores:
    count = len(terms)
    return ClipScores(
        clips=np.arange(count),
        fake=combine_arrays(terms).astype(np.float32),
        video=terms[:, 0].astype(np.float32),
        audio=terms[:, 1].astype(np.float32),
        domain=np.zeros((count, 1), np.float32),
        pattern=np.full(count, 3),
        terms=terms.astype(np.float32),
        givers=np.tile(np.arange(count)[:, None], 4),
    )


def test_stills_and_videos_are_calibrated_apart_and_by_the_label_of_the_part(make_data, made_item):
    items = []
    for number in range(40):
        fake = number % 2 == 1
        items.append(made_item(int(fake), {"eye": 1}, kind="image", video_fake=fake))
        items.append(made_item(1, {"eye": 1, "ear": 1}, video_fake=fake, audio_fake=not fake))
    table = make_data(items).clips
    random = np.random.default_rng(0)
    terms = np.full((80, 3), -1.0)
    terms[:, 0] = np.where(table.video_fake == 1, 1.0, -1.0) + random.standard_normal(80) * 0.5
    terms[table.kind == "video", 0] += 4
    terms[:, 1] = np.where(table.kind == "video", np.where(table.audio_fake == 1, 1.0, -1.0), np.nan)
    terms[table.kind == "image", 2] = np.nan
    found = {(line.modality, line.kinds): line for line in fit_terms(make_scores(terms), TERMS, table)}
    still, video, audio = ("image", ("image",)), ("image", ("video",)), ("audio", ("audio", "video"))
    joint = ("joint", ("image", "audio", "video"))
    assert set(found) == {still, video, audio, joint}
    assert found[still].intercept == pytest.approx(0.0, abs=0.4)
    assert found[video].intercept < -2
    assert found[audio].slope > 1, "what separates the classes is trusted more"


def test_items_count_once_however_many_clips_they_have(make_data, made_item):
    items = [made_item(0, {"eye": 1}, video_fake=False), made_item(1, {"eye": 1}, video_fake=True)]
    many = [made_item(0, {"eye": 1}, video_fake=False), made_item(1, {"eye": 1}, video_fake=True, clips=9)]
    once, often = (make_data(listed).clips for listed in (items, many))
    column = np.full(10, np.nan)
    two = make_scores(np.column_stack([[0.5, 2.0], column[:2], column[:2]]))
    ten = make_scores(np.column_stack([[0.5, *np.linspace(1, 3, 9)], column, column]))
    assert fit_terms(two, TERMS, once) == fit_terms(ten, TERMS, often)


def test_calibrated_terms_change_the_parts_and_their_noisy_or(make_data, made_item):
    table = make_data([made_item(0, {"eye": 1, "ear": 1}), made_item(1, {"ear": 1}, kind="audio")]).clips
    scores = make_scores(np.array([[1.0, 2.0, -3.0], [np.nan, 0.5, np.nan]]))
    lines = (TermCalibration("image", ("video",), 0.5, -1.0), TermCalibration("audio", ("audio", "video"), 1.0, 1.0))
    found = calibrate_terms(scores, TERMS, table, lines)
    expected = np.array([[-0.5, 3.0, -3.0], [np.nan, 1.5, np.nan]])
    np.testing.assert_allclose(found.terms, expected)
    np.testing.assert_allclose(found.fake, combine_arrays(expected), rtol=1e-6)
    np.testing.assert_allclose(found.video, expected[:, 0])
    np.testing.assert_allclose(found.audio, expected[:, 1])
    assert scores.terms[0, 0] == 1.0, "the scores given stay as they are"
    assert calibrate_terms(scores, TERMS, table, ()) is scores


def test_an_image_beside_foreign_audio_is_calibrated_by_the_kind_of_its_own_file(make_data, made_item):
    items = [made_item(0, {"eye": 1}, "archive", "image"), made_item(1, {"ear": 1}, "deepvoice", "audio")]
    table = make_data(items).clips
    lines = [TermCalibration("image", ("image",), 1.0, 5.0), TermCalibration("image", ("video",), 1.0, -5.0)]
    scores = make_scores(np.zeros((2, 3)))
    still, voice = 0, 1
    swapped = replace(scores, clips=np.array([voice]), terms=scores.terms[:1], givers=np.array([[still, voice, 1, 1]]))
    assert calibrate_terms(swapped, TERMS, table, lines).video == [5.0]
