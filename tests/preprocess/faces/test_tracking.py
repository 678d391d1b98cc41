"""Faces are tracked, the dominant one first; gaps are interpolated and marked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.preprocess.faces.detection import NO_DETECTIONS
from unmask.preprocess.faces.tracking import compute_iou, interpolate_landmarks, make_center_track, track_faces
from unmask.preprocess.faces.types import Detections


def seen(*faces: tuple[float, float, float], sure: float = 0.99) -> Detections:
    """Square faces given as (centre x, centre y, side)."""
    boxes = np.array([[x - s / 2, y - s / 2, x + s / 2, y + s / 2] for x, y, s in faces], np.float32)
    points = np.repeat(boxes.reshape(-1, 2, 2).mean(axis=1)[:, None], 5, axis=1).astype(np.float32)
    return Detections(boxes=boxes, landmarks=points, confidence=np.full(len(faces), sure, np.float32))


def middles(track) -> list[float]:
    return ((track.boxes[:, 0] + track.boxes[:, 2]) / 2).tolist()


def test_the_largest_face_over_all_frames_is_tracked_even_where_another_is_larger():
    # The right one is larger once, when the left one turns away.
    frames = [seen((100, 100, 80), (300, 100, 60)), seen((105, 100, 50), (300, 100, 62)), seen((110, 100, 80))]
    (track,) = track_faces(frames)
    assert middles(track) == [100, 105, 110]
    assert not np.isnan(track.confidence).any()


def test_a_gap_is_interpolated_and_marked():
    (track,) = track_faces([seen((100, 50, 40)), NO_DETECTIONS, NO_DETECTIONS, seen((115, 50, 40))])
    assert middles(track) == pytest.approx([100, 105, 110, 115])
    assert np.isnan(track.confidence).tolist() == [False, True, True, False]
    assert np.isnan(track.landmarks).all(axis=(1, 2)).tolist() == [False, True, True, False]


def test_before_and_after_a_face_its_nearest_box_is_used():
    (track,) = track_faces([NO_DETECTIONS, seen((100, 50, 40)), NO_DETECTIONS])
    assert middles(track) == [100, 100, 100]
    assert np.isnan(track.confidence).tolist() == [True, False, True]


def test_after_a_cut_the_face_of_the_next_shot_is_tracked():
    frames = [seen((100, 100, 80)), seen((100, 100, 80)), seen((400, 300, 50)), seen((400, 300, 50))]
    assert middles(track_faces(frames)[0]) == [100, 100, 400, 400]


def test_a_gap_is_not_filled_with_a_second_person():
    frames = [seen((100, 100, 80)), seen((400, 100, 70)), seen((100, 100, 80))]
    (track,) = track_faces(frames)
    assert middles(track) == pytest.approx([100, 100, 100])
    assert np.isnan(track.confidence).tolist() == [False, True, False]


def test_two_people_are_two_tracks_the_dominant_one_first():
    frames = [seen((300, 100, 60), (100, 100, 80)), seen((305, 100, 60), (110, 100, 80))]
    one, two = track_faces(frames, max_faces=2)
    assert (middles(one), middles(two)) == ([100, 110], [300, 305])
    assert len(track_faces(frames, max_faces=1)) == 1


def test_people_who_cross_keep_their_tracks():
    # They walk past each other, 40 px a frame; the one on the right is larger and sure to be followed first.
    frames = [seen((400 - 40 * k, 100, 120), (100 + 40 * k, 300, 90)) for k in range(8)]
    one, two = track_faces(frames, max_faces=2)
    assert middles(one) == [400 - 40 * k for k in range(8)]
    assert middles(two) == [100 + 40 * k for k in range(8)]


def test_a_short_detection_beside_the_dominant_face_is_no_track():
    frames = [seen((100, 100, 80)), seen((100, 100, 80), (400, 100, 30)), seen((100, 100, 80)), seen((100, 100, 80))]
    assert len(track_faces(frames, max_faces=4)) == 1


def test_landmarks_are_interpolated_between_detections_and_constant_outside():
    (track,) = track_faces([NO_DETECTIONS, seen((100, 50, 40)), NO_DETECTIONS, seen((110, 50, 40)), NO_DETECTIONS])
    assert interpolate_landmarks(track)[:, 0, 0].tolist() == [100, 100, 105, 110, 110]
    assert interpolate_landmarks(make_center_track(3, 40, 40)) is None


def test_without_any_face_there_is_no_track():
    assert track_faces([NO_DETECTIONS, NO_DETECTIONS]) == []


def test_the_center_is_marked_as_no_detection():
    track = make_center_track(2, 100, 160)
    assert track.boxes.tolist() == [[30, 0, 130, 100]] * 2
    assert np.isnan(track.confidence).all()
    assert np.isnan(track.landmarks).all()


@given(st.lists(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(5, 200)), max_size=4), max_size=10))
def test_confidence_and_landmarks_are_missing_together_and_boxes_never(frames):
    found = [seen(*faces) if faces else NO_DETECTIONS for faces in frames]
    tracks = track_faces(found)
    assert bool(tracks) == any(len(each) for each in found)
    for track in tracks:
        assert track.boxes.shape == (len(frames), 4)
        assert np.isfinite(track.boxes).all()
        missing = np.isnan(track.confidence)
        assert (np.isnan(track.landmarks).all(axis=(1, 2)) == missing).all()
        assert all(len(each) for each, gone in zip(found, missing, strict=True) if not gone)


def test_iou_worked_by_hand():
    # 10 x 10 against the same shifted by 5: 50 shared of 150.
    box = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]], np.float32)
    assert compute_iou(box, others) == pytest.approx([1, 1 / 3, 0])
