"""The batched cascade gives facenet-pytorch's own faces, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN
from PIL import Image

from unmask.media.images import read_image
from unmask.preprocess.faces.detector import Found, Search
from unmask.preprocess.faces.image_pyramid import views_of
from unmask.preprocess.faces.mtcnn import Cascade
from unmask.preprocess.faces.tracking import overlap

SEARCH = Search(smallest=20.0, thresholds=(0.6, 0.7, 0.7))


def found_in(cascade: Cascade, frames: np.ndarray) -> list[Found]:
    return cascade.find(views_of(frames, SEARCH.smallest), SEARCH)


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return Cascade("cpu")


@pytest.fixture(scope="module")
def portraits(corpus) -> np.ndarray:
    """(12, 256, 256, 3) real photographs and generated ones."""
    folder = corpus / "archive (2)/Dataset/Test"
    paths = [path for label in ("Real", "Fake") for path in sorted((folder / label).glob("*.jpg"))[:6]]
    return np.stack([read_image(path, max_pixels=10**8) for path in paths])


def test_the_faces_are_those_of_facenet_pytorch(cascade, portraits):
    boxes, confidence, landmarks = MTCNN(keep_all=True).detect(portraits, landmarks=True)
    for k, found in enumerate(found_in(cascade, portraits)):
        sure = np.asarray(confidence[k], np.float32) > 0.9
        for box, points in zip(boxes[k][sure], landmarks[k][sure], strict=True):
            shared = overlap(box.astype(np.float32), found.boxes)
            assert shared.max() > 0.8
            size = (box[2:] - box[:2]).max()
            assert np.abs(found.landmarks[shared.argmax()] - points).max() < 0.08 * size


def test_a_frame_gives_the_same_faces_alone_and_in_a_batch(cascade, portraits):
    for frame, together in zip(portraits, found_in(cascade, portraits), strict=True):
        (alone,) = found_in(cascade, frame[None])
        np.testing.assert_allclose(alone.boxes, together.boxes, atol=1e-2)
        np.testing.assert_allclose(alone.confidence, together.confidence, atol=1e-4)


@pytest.mark.parametrize("shape", [(20, 20), (24, 200), (37, 53)])
def test_frames_without_a_candidate_give_nothing(cascade, shape):
    (found,) = found_in(cascade, np.full((1, *shape, 3), 127, np.uint8))
    assert (found.boxes.shape, found.landmarks.shape, found.confidence.shape) == ((0, 4), (0, 5, 2), (0,))


def test_frames_that_may_not_be_written_to_are_read(cascade, portraits):
    frame = portraits[:1].copy()
    frame.flags.writeable = False
    assert len(found_in(cascade, frame)[0].boxes) == 1


def test_of_two_faces_in_one_place_the_surer_one_is_kept(cascade, portraits):
    enlarged = np.asarray(Image.fromarray(portraits[0]).resize((400, 400)))
    for found in found_in(cascade, enlarged[None]):
        for k, box in enumerate(found.boxes):
            assert (overlap(box, np.delete(found.boxes, k, axis=0)) < 0.7).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_finds_the_same_faces(cascade, portraits):
    for ours, theirs in zip(found_in(cascade, portraits), found_in(Cascade("cuda"), portraits), strict=True):
        np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=0.05)
        np.testing.assert_allclose(ours.confidence, theirs.confidence, atol=1e-3)
