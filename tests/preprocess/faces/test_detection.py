"""Real faces of every size are detected, with boxes in pixels of the full frame."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from unmask.media.images import read_image
from unmask.preprocess.faces.cropping import crop_faces
from unmask.preprocess.faces.detection import NO_DETECTIONS, detect
from unmask.preprocess.faces.tracking import compute_iou, track_faces
from unmask.preprocess.profiles import PreprocessSettings


def found_in(*frames: np.ndarray, **settings):
    return detect(np.stack(frames), PreprocessSettings(**settings))


def resized(frame: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).resize((side, side), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def portraits(corpus) -> list[np.ndarray]:
    """Real photographs of 256 x 256 px, one face each."""
    paths = sorted((corpus / "archive (2)/Dataset/Test/Real").glob("*.jpg"))[:4]
    return [read_image(path, max_pixels=10**8)[0] for path in paths]


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (16, 16), (64, 64), (100, 2000)])
def test_frames_without_a_face_give_none_whatever_their_size(shape):
    grey = np.full((2, *shape, 3), 90, np.uint8)
    assert [len(each) for each in found_in(*grey)] == [0, 0]


def test_no_detections_have_the_usual_shapes():
    assert (NO_DETECTIONS.boxes.shape, NO_DETECTIONS.landmarks.shape, NO_DETECTIONS.confidence.shape) == (
        (0, 4),
        (0, 5, 2),
        (0,),
    )


def test_a_batch_with_and_without_faces_gives_each_frame_its_own(portraits):
    blank = np.full_like(portraits[0], 90)
    first, none, second = found_in(portraits[0], blank, portraits[1])
    assert len(none) == 0
    for each, portrait in ((first, portraits[0]), (second, portraits[1])):
        alone = found_in(portrait)[0]
        np.testing.assert_allclose(each.boxes, alone.boxes, atol=0.1)
        assert each.boxes.dtype == each.landmarks.dtype == each.confidence.dtype == np.float32


def test_boxes_and_landmarks_are_in_pixels_of_the_full_frame(portraits):
    small, large = found_in(portraits[0])[0], found_in(resized(portraits[0], 1024), detect_side=256)[0]
    assert compute_iou(large.boxes[0] / 4, small.boxes[:1])[0] > 0.8
    np.testing.assert_allclose(large.landmarks[0] / 4, small.landmarks[0], atol=6)
    x0, y0, x1, y1 = small.boxes[0]
    assert ((small.landmarks[0] > [x0, y0]) & (small.landmarks[0] < [x1, y1])).all()


def test_a_face_cropped_to_its_outline_is_still_detected(portraits):
    for portrait in portraits:
        x0, y0, x1, y1 = found_in(portrait)[0].boxes[0].astype(int)
        tight = portrait[max(y0, 0) : y1, max(x0, 0) : x1]
        (found,) = found_in(tight)
        assert len(found), "MTCNN needs the border that `detect` adds"
        whole = np.array([0, 0, tight.shape[1], tight.shape[0]], np.float32)
        assert compute_iou(whole, found.boxes[:1])[0] > 0.4


def test_a_tiny_image_is_enlarged_before_it_is_searched(portraits):
    (found,) = found_in(resized(portraits[0], 40))
    assert len(found) == 1
    expected = found_in(portraits[0])[0].boxes[0] * (40 / 256)
    assert compute_iou(expected, found.boxes)[0] > 0.5


def test_the_crop_of_a_detected_face_shows_the_face(portraits):
    (track,) = track_faces(found_in(portraits[0]))
    crop = crop_faces(portraits[0][None], track, PreprocessSettings(face_size=224, margin=0.3))[0]
    (again,) = found_in(crop)
    side = again.boxes[0, 3] - again.boxes[0, 1]
    assert side == pytest.approx(224 / 1.3, rel=0.15)


def test_faces_below_the_smallest_size_are_not_detected(portraits):
    scene = np.full((480, 640, 3), 90, np.uint8)
    scene[40:140, 40:140] = resized(portraits[0], 100)
    scene[200:456, 300:556] = portraits[1]
    everyone, near = found_in(scene)[0], found_in(scene, smallest_face=0.4)[0]
    assert (len(everyone), len(near)) == (2, 1)
    np.testing.assert_allclose(near.boxes, everyone.boxes[:1], atol=12)


def test_the_thresholds_of_the_networks_are_those_of_the_settings(portraits):
    assert len(found_in(portraits[0], detector_thresholds=(0.6, 0.7, 0.7))[0])
    assert not len(found_in(portraits[0], detector_thresholds=(1.0, 1.0, 1.0))[0])
    assert not len(found_in(portraits[0], min_confidence=1.0)[0])


def test_the_largest_face_comes_first(portraits):
    scene = np.full((256, 512, 3), 90, np.uint8)
    scene[64:192, 32:160], scene[:, 256:] = resized(portraits[0], 128), portraits[1]
    (found,) = found_in(scene)
    area = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1)
    assert area.tolist() == sorted(area, reverse=True)
    assert len(found) == 2
