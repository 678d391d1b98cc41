"""The dominant face is followed, gaps are bridged and marked, crops stay inside the frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.crops import crop_faces, square_around
from preprocess.faces import NOTHING, Detections
from preprocess.tracks import centre, follow, overlap


def seen(*faces: tuple[float, float, float], sure: float = 0.99) -> Detections:
    """Square faces given as (centre x, centre y, side)."""
    boxes = np.array([[x - s / 2, y - s / 2, x + s / 2, y + s / 2] for x, y, s in faces], np.float32)
    points = np.repeat(boxes.reshape(-1, 2, 2).mean(axis=1)[:, None], 5, axis=1).astype(np.float32)
    return Detections(boxes=boxes, landmarks=points, confidence=np.full(len(faces), sure, np.float32))


def middles(track) -> list[float]:
    return ((track.boxes[:, 0] + track.boxes[:, 2]) / 2).tolist()


def test_the_largest_face_over_all_frames_is_followed_even_where_another_is_larger():
    # The right one is larger once, when the left one turns away.
    frames = [seen((100, 100, 80), (300, 100, 60)), seen((105, 100, 50), (300, 100, 62)), seen((110, 100, 80))]
    track = follow(frames)
    assert middles(track) == [100, 105, 110]
    assert not np.isnan(track.confidence).any()


def test_a_gap_is_bridged_and_marked():
    track = follow([seen((100, 50, 40)), NOTHING, NOTHING, seen((115, 50, 40))])
    assert middles(track) == pytest.approx([100, 105, 110, 115])
    assert np.isnan(track.confidence).tolist() == [False, True, True, False]
    assert np.isnan(track.landmarks).all(axis=(1, 2)).tolist() == [False, True, True, False]


def test_before_and_after_a_face_its_nearest_place_is_taken():
    track = follow([NOTHING, seen((100, 50, 40)), NOTHING])
    assert middles(track) == [100, 100, 100]
    assert np.isnan(track.confidence).tolist() == [True, False, True]


def test_after_a_cut_the_face_of_the_next_shot_is_followed():
    frames = [seen((100, 100, 80)), seen((100, 100, 80)), seen((400, 300, 50)), seen((400, 300, 50))]
    assert middles(follow(frames)) == [100, 100, 400, 400]


def test_a_second_person_does_not_stand_in_for_a_gap():
    frames = [seen((100, 100, 80)), seen((400, 100, 70)), seen((100, 100, 80))]
    track = follow(frames)
    assert middles(track) == pytest.approx([100, 100, 100])
    assert np.isnan(track.confidence).tolist() == [False, True, False]


def test_without_any_face_there_is_no_track():
    assert follow([NOTHING, NOTHING]) is None


def test_the_centre_is_marked_as_no_detection():
    track = centre(2, 100, 160)
    assert track.boxes.tolist() == [[30, 0, 130, 100]] * 2
    assert np.isnan(track.confidence).all()
    assert np.isnan(track.landmarks).all()


@given(st.lists(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(5, 200)), max_size=4), max_size=10))
def test_confidence_and_landmarks_are_missing_together_and_boxes_never(frames):
    found = [seen(*faces) if faces else NOTHING for faces in frames]
    track = follow(found)
    assert (track is None) == (not any(len(each) for each in found))
    if track is not None:
        assert track.boxes.shape == (len(frames), 4)
        assert np.isfinite(track.boxes).all()
        missing = np.isnan(track.confidence)
        assert (np.isnan(track.landmarks).all(axis=(1, 2)) == missing).all()
        assert all(len(each) for each, gone in zip(found, missing, strict=True) if not gone)


def test_overlap_worked_by_hand():
    # 10 x 10 against the same shifted by 5: 50 shared of 150.
    box = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]], np.float32)
    assert overlap(box, others) == pytest.approx([1, 1 / 3, 0])


@given(
    x=st.floats(-50, 400),
    y=st.floats(-50, 300),
    w=st.floats(1, 500),
    h=st.floats(1, 500),
    margin=st.floats(0, 2),
    height=st.integers(1, 300),
    width=st.integers(1, 400),
)
def test_a_crop_is_a_square_inside_the_frame(x, y, w, h, margin, height, width):
    x0, y0, x1, y1 = square_around(np.array([x, y, x + w, y + h], np.float32), height, width, margin)
    assert x1 - x0 == pytest.approx(y1 - y0, abs=1e-3)
    assert 0 <= x0 < x1 <= width + 1e-6
    assert 0 <= y0 < y1 <= height + 1e-6


def test_the_margin_is_a_share_of_the_longer_side():
    assert square_around(np.array([100, 100, 140, 150], np.float32), 400, 400, 0.3) == pytest.approx(
        (87.5, 92.5, 152.5, 157.5)
    )


def test_a_crop_shows_its_part_of_the_full_frame_without_aliasing():
    frame = np.zeros((1, 200, 300, 3), np.uint8)
    frame[0, 50:150, 100:200] = 200
    frame[0, 50:150:2, 100:200] = 100  # stripes of one pixel: their mean is 150
    crop = crop_faces(frame, np.array([[100, 50, 200, 150]], np.float32), margin=0.0, size=32)
    assert crop.shape == (1, 32, 32, 3)
    assert np.abs(crop[0, 4:-4, 4:-4].astype(int) - 150).max() <= 3
