"""Crops are squares inside the frame, without aliasing, and upright if aligned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_faces import drawn_face
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unmask.preprocess.faces.cropping import UPRIGHT, crop_faces, fit_square, place_square
from unmask.preprocess.faces.detection import detect
from unmask.preprocess.faces.tracking import FaceTrack, make_center_track, track_faces
from unmask.preprocess.profiles import PreprocessSettings

ALIGNED = PreprocessSettings(align=True, margin=0.0, face_size=112)


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
    x0, y0, x1, y1 = place_square(np.array([x, y, x + w, y + h], np.float32), height, width, margin)
    assert x1 - x0 == pytest.approx(y1 - y0, abs=1e-3)
    assert 0 <= x0 < x1 <= width + 1e-6
    assert 0 <= y0 < y1 <= height + 1e-6


def test_the_margin_is_a_fraction_of_the_longer_side():
    assert place_square(np.array([100, 100, 140, 150], np.float32), 400, 400, 0.3) == pytest.approx(
        (87.5, 92.5, 152.5, 157.5)
    )


def test_a_crop_shows_its_region_of_the_full_frame_without_aliasing():
    frame = np.zeros((1, 200, 300, 3), np.uint8)
    frame[0, 50:150, 100:200] = 200
    frame[0, 50:150:2, 100:200] = 100  # stripes of one pixel: their mean is 150
    track = replace(make_center_track(1, 200, 300), boxes=np.array([[100, 50, 200, 150]], np.float32))
    crop = crop_faces(frame, track, PreprocessSettings(margin=0.0, face_size=32))
    assert crop.shape == (1, 32, 32, 3)
    assert np.abs(crop[0, 4:-4, 4:-4].astype(int) - 150).max() <= 3


def posed(tilt: float, scale: float, x: float, y: float) -> np.ndarray:
    """The usual landmarks turned by `tilt`, enlarged, and moved so that the crop's middle is at (x, y)."""
    turned = (UPRIGHT - 56) @ (1, 1j) * scale * np.exp(1j * tilt) + complex(x, y)
    return np.stack([turned.real, turned.imag], axis=1).astype(np.float32)


@given(tilt=st.floats(-3, 3), scale=st.floats(0.3, 9), x=st.floats(0, 900), y=st.floats(0, 900), margin=st.floats(0, 2))
def test_the_fitted_square_inverts_rotation_scale_and_translation_of_a_head(tilt, scale, x, y, margin):
    square = fit_square(posed(tilt, scale, x, y), margin)
    assert (square.x, square.y) == pytest.approx((x, y), abs=0.01)
    assert square.side == pytest.approx(112 * scale * (1 + margin), rel=1e-3)
    assert square.tilt == pytest.approx(tilt, abs=1e-3)


def test_an_aligned_crop_shows_the_landmarks_at_their_mean_positions():
    frame = np.zeros((1, 400, 500, 3), np.uint8)
    points = posed(0.5, 2.0, 240, 190)
    for x, y in points:
        frame[0, round(y) - 3 : round(y) + 3, round(x) - 3 : round(x) + 3] = 255
    track = replace(make_center_track(1, 400, 500), landmarks=points[None], confidence=np.ones(1, np.float32))
    crop = crop_faces(frame, track, ALIGNED)[0, :, :, 0].astype(float)
    for x, y in UPRIGHT:
        around = crop[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3]
        assert around.max() > 150
    assert (crop > 60).sum() < 5 * 40, "nothing but the five dots"


def test_an_aligned_crop_of_an_upright_face_is_the_plain_one():
    rng = np.random.default_rng(0)
    frame = np.asarray(Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).resize((400, 400)))[None]
    track = replace(
        make_center_track(1, 400, 400), landmarks=posed(0.0, 2.0, 200, 200)[None], confidence=np.ones(1, np.float32)
    )
    box = replace(track, boxes=np.array([[88, 88, 312, 312]], np.float32))
    plain = crop_faces(frame, box, ALIGNED.changed({"align": False}))
    # The two grids differ by a hundredth of a pixel, and the picture is noise.
    assert np.abs(crop_faces(frame, track, ALIGNED).astype(int) - plain).mean() < 3


def test_a_tilted_face_comes_out_level():
    turned = np.asarray(Image.fromarray(drawn_face(1)).rotate(25, Image.Resampling.BICUBIC))[None]
    (track,) = track_faces(detect(turned, PreprocessSettings()))
    crop = crop_faces(turned, track, PreprocessSettings(align=True))
    (found,) = detect(crop, PreprocessSettings())
    left, right = found.landmarks[0, :2]
    assert abs(np.degrees(np.arctan2(*(right - left)[::-1]))) < 6
    before = track.landmarks[0, 1] - track.landmarks[0, 0]
    assert abs(np.degrees(np.arctan2(*before[::-1]))) > 15


def test_without_landmarks_alignment_leaves_the_center_unchanged():
    frames = np.stack([drawn_face(0)])
    track: FaceTrack = make_center_track(1, 256, 256)
    np.testing.assert_array_equal(
        crop_faces(frames, track, ALIGNED), crop_faces(frames, track, ALIGNED.changed({"align": False}))
    )
