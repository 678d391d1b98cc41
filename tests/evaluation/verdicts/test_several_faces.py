"""Faces of a file scored apart, linked over its windows; files with one face are not looked at again."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_faces import drawn_face, group_photo
from PIL import Image
from tiny_chain import CPU, Chain

from unmask.evaluation.verdicts import several_faces
from unmask.evaluation.verdicts.predict import predict
from unmask.evaluation.verdicts.several_faces import FaceClip, link_faces


def clip(start_s: float, track: int, left: float, logit: float = 0.0) -> FaceClip:
    box = np.array([left, 0, left + 100, 100], np.float32)
    return FaceClip(start_s=start_s, end_s=start_s + 4, track=track, box=box, logit=logit)


def test_a_face_is_followed_by_its_place_when_another_becomes_dominant():
    clips = [clip(0, 0, 0), clip(0, 1, 300), clip(4, 0, 310), clip(4, 1, 5)]
    linked = [[(one.start_s, one.track) for one in face] for face in link_faces(clips)]
    assert linked == [[(0, 0), (4, 1)], [(0, 1), (4, 0)]]


def test_a_face_elsewhere_is_another_one():
    assert [len(face) for face in link_faces([clip(0, 0, 0), clip(4, 0, 500), clip(8, 0, 505)])] == [1, 2]


def test_two_faces_of_one_window_are_never_one():
    assert len(link_faces([clip(0, 0, 0), clip(0, 1, 10)])) == 2


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "two.png", tmp_path / "one.png"]
    for path, pixels in zip(paths, (group_photo(0, 1), drawn_face(0)), strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def test_each_of_two_faces_has_a_score_and_a_thumbnail_and_the_score_of_the_file_stays(
    chain: Chain, photos: list[Path]
):
    two, one = predict(photos, chain.run, device=CPU)
    assert one.faces == ()
    assert [face.face for face in two.faces] == [0, 1]
    dominant = min(two.faces, key=lambda face: abs(face.score - (two.video_score or 0)))
    assert dominant.score == pytest.approx(two.video_score, abs=1e-3)
    for face in two.faces:
        assert Image.open(io.BytesIO(face.thumbnail)).format == "JPEG"
        assert (face.clips, 0 <= face.score <= 1) == (1, True)


def test_files_with_one_face_are_not_preprocessed_again(chain: Chain, photos: list[Path], monkeypatch: Any):
    def forbid(*_: Any) -> None:
        raise AssertionError("preprocessed again")

    monkeypatch.setattr(several_faces, "preprocess", forbid)
    (one,) = predict(photos[1:], chain.run, device=CPU)
    assert one.score is not None


def test_faces_that_cannot_be_scored_cost_no_verdict(chain: Chain, photos: list[Path], monkeypatch: Any):
    def fail(*_: Any, **__: Any) -> None:
        raise IndexError("no such face")

    monkeypatch.setattr(several_faces, "score_run", fail)
    (two,) = predict(photos[:1], chain.run, device=CPU)
    assert (two.score is not None, two.faces) == (True, ())
