"""Mouth landmarks agree with the detector's, crops do not jitter, and nothing is mixed across a cut."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_faces import drawn_face
from numpy.typing import NDArray

from unmask.media.luma import Luma, convert_to_gray
from unmask.preprocess.faces.cropping import UPRIGHT, RotatedSquare, crop_rotated, fit_square
from unmask.preprocess.faces.detection import detect
from unmask.preprocess.faces.mouth import (
    SIDE,
    crop_mouths,
    extract_mouth,
    find_landmarks,
    interpolate_boxes,
    select_searched,
    smooth_squares,
)
from unmask.preprocess.faces.tracking import FaceTrack, make_center_track, track_faces
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_item import MOUTH_SIDE

SETTINGS = PreprocessSettings()
FPS = 25


def shifted(frame: NDArray[np.uint8], x: int) -> NDArray[np.uint8]:
    """With the face `x` pixels further right, on a wide gray frame."""
    wide = np.full((256, 512, 3), 127, np.uint8)
    wide[:, x : x + 256] = frame
    return wide


def track_of(frames: list[NDArray[np.uint8]]) -> FaceTrack:
    return track_faces(detect(np.stack(frames), SETTINGS))[0]


def test_landmarks_between_two_detections_are_those_of_a_full_search():
    places = [0, 25, 52, 80, 112, 150]  # up to 10 pixels from where a box interpolated between the ends is
    frames = [shifted(drawn_face(1), x) for x in places]
    times = np.arange(len(places)) / 5
    ends = track_of([frames[0], frames[-1]])
    lumas = [convert_to_gray(frame) for frame in frames]
    found, scores = find_landmarks(lumas, times, np.arange(len(frames)), ends.boxes, times[[0, -1]], 0.9)
    wanted = track_of(frames).landmarks
    width = np.linalg.norm(wanted[0, 3] - wanted[0, 4])
    assert (scores > 0.9).all()
    assert np.linalg.norm(found - wanted, axis=-1).mean() / width < 0.12


def test_frames_without_a_face_are_interpolated_and_marked():
    frames = [drawn_face(0)] * 25
    lumas = [convert_to_gray(frame) for frame in frames]
    track = track_of(frames[::12])
    hidden = [Luma(pixels=np.full((256, 256), 127, np.uint8)) if 8 <= k < 17 else each for k, each in enumerate(lumas)]
    times, at = np.arange(25) / FPS, np.array([0.0, 0.48, 0.96])
    whole, partly = (extract_mouth(each, times, track, at, 0.9) for each in (lumas, hidden))
    assert whole.found.all()
    assert partly.found[[0, 3, 20, 24]].all()
    assert not partly.found[8:17].any()
    assert np.abs(partly.crops[0].astype(int) - whole.crops[0]).mean() < 2


def test_a_face_that_was_never_detected_has_no_mouth():
    lumas = [convert_to_gray(drawn_face(0))] * 5
    mouth = extract_mouth(lumas, np.arange(5) / FPS, make_center_track(2, 256, 256), np.array([0.0, 0.1]), 0.9)
    assert (len(mouth.crops), len(mouth.found)) == (0, 0)
    assert len(mouth.repeat(np.array([0, 0, 1])).crops) == 0


def test_smoothing_takes_the_noise_of_landmarks_and_leaves_the_motion():
    rng = np.random.default_rng(0)
    times = np.arange(100) / FPS
    path = 200 + 100 * times  # pixels
    clean = UPRIGHT[None] + np.stack([path, np.full(100, 50.0)], axis=1)[:, None]
    noisy = (clean + rng.normal(0, 2, clean.shape)).astype(np.float32)
    squares = smooth_squares(noisy, times, times)
    centers = np.array([[square.x, square.y] for square in squares])
    raw, true = noisy[:, 3:].mean(axis=1), clean[:, 3:].mean(axis=1)
    jitter = [np.abs(np.diff(each, n=2, axis=0)).mean() for each in (centers, raw)]
    assert jitter[0] < jitter[1] / 10
    assert np.abs(centers - true)[5:-5].mean() < 1.0
    assert np.mean([square.side for square in squares]) == pytest.approx(112 * SIDE, rel=0.02)


def test_a_cut_is_not_smoothed():
    times = np.arange(20) / FPS
    left, right = UPRIGHT + 10, UPRIGHT + np.array([300, 10])
    points = np.stack([left] * 10 + [right] * 10).astype(np.float32)
    middles = [square.x for square in smooth_squares(points[::2], times[::2], times)]
    assert middles == pytest.approx([left[3:, 0].mean()] * 9 + middles[9:10] + [right[3:, 0].mean()] * 10, abs=1e-3)
    boxes = np.array([[0, 0, 50, 50], [10, 0, 60, 50], [300, 0, 350, 50]], np.float32)
    between = interpolate_boxes(boxes, np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.4, 1.6, 3.0]))
    assert between[:, 0].tolist() == [5, 10, 300, 300]


@pytest.mark.parametrize(
    ("fps", "per_second", "expected"), [(25, 12.5, 51), (50, 12.5, 51), (10, 12.5, 40), (25, 5, 21)]
)
def test_landmarks_are_looked_for_at_this_rate(fps, per_second, expected):
    times = np.arange(4 * fps) / fps
    searched = select_searched(times, per_second)
    assert len(searched) == expected
    assert (searched[0], searched[-1]) == (0, len(times) - 1)


def test_a_tilted_mouth_is_cropped_upright_and_frames_of_fewer_pixels_give_the_same_crop():
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (UPRIGHT @ turn.T * 2 + 100).astype(np.float32)
    assert fit_square(points, 0.0).tilt == pytest.approx(angle, abs=1e-4)
    ramp = np.add.outer(np.arange(400), np.arange(400)).astype(np.float64)
    pixels = (ramp / ramp.max() * 255).astype(np.uint8)
    (square,) = smooth_squares(points[None], np.zeros(1), np.zeros(1))
    full, half = Luma(pixels=pixels), Luma(pixels=pixels).reduce(200 * 200)
    assert half.step == 2
    one, two = crop_mouths([full, half], [square, square])
    assert one.shape == (MOUTH_SIDE, MOUTH_SIDE)
    assert np.abs(one.astype(int) - two).max() <= 2


def test_a_fast_crop_is_a_little_softer_only():
    rng = np.random.default_rng(1)
    smooth = np.cumsum(np.cumsum(rng.normal(0, 1, (300, 300)), axis=0), axis=1)
    pixels = ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)
    square = RotatedSquare(x=150.0, y=140.0, side=150.0, tilt=0.1)
    exact, fast = (np.asarray(crop_rotated(pixels, square, 96, fast=each)).astype(int) for each in (False, True))
    assert np.abs(exact - fast).mean() < 2
