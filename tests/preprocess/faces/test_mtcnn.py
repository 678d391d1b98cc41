"""The batched MTCNN gives the faces of facenet-pytorch, independent of the rest of the batch."""

from __future__ import annotations

import numpy as np
import pytest
from facenet_pytorch import MTCNN
from PIL import Image

from unmask.media.images import read_image
from unmask.preprocess.faces.image_pyramid import build_pyramid
from unmask.preprocess.faces.mtcnn import BatchedMTCNN
from unmask.preprocess.faces.tracking import compute_iou
from unmask.preprocess.faces.types import Detections, SearchParameters

SEARCH = SearchParameters(smallest=20.0, thresholds=(0.6, 0.7, 0.7))


def found_in(mtcnn: BatchedMTCNN, frames: np.ndarray) -> list[Detections]:
    return mtcnn.detect(build_pyramid(frames, SEARCH.smallest), SEARCH)


@pytest.fixture(scope="module")
def mtcnn() -> BatchedMTCNN:
    return BatchedMTCNN()


@pytest.fixture(scope="module")
def portraits(corpus) -> np.ndarray:
    """(12, 256, 256, 3) real photographs and generated ones."""
    folder = corpus / "archive (2)/Dataset/Test"
    paths = [path for label in ("Real", "Fake") for path in sorted((folder / label).glob("*.jpg"))[:6]]
    return np.stack([read_image(path, max_pixels=10**8)[0] for path in paths])


def test_the_faces_are_those_of_facenet_pytorch(mtcnn, portraits):
    boxes, confidence, landmarks = MTCNN(keep_all=True).detect(portraits, landmarks=True)
    for k, found in enumerate(found_in(mtcnn, portraits)):
        sure = np.asarray(confidence[k], np.float32) > 0.9
        for box, points in zip(boxes[k][sure], landmarks[k][sure], strict=True):
            shared = compute_iou(box.astype(np.float32), found.boxes)
            assert shared.max() > 0.8
            size = (box[2:] - box[:2]).max()
            assert np.abs(found.landmarks[shared.argmax()] - points).max() < 0.08 * size


def test_a_frame_gives_the_same_faces_alone_and_in_a_batch(mtcnn, portraits):
    for frame, together in zip(portraits, found_in(mtcnn, portraits), strict=True):
        (alone,) = found_in(mtcnn, frame[None])
        np.testing.assert_allclose(alone.boxes, together.boxes, atol=1e-2)
        np.testing.assert_allclose(alone.confidence, together.confidence, atol=1e-4)


@pytest.mark.parametrize("shape", [(20, 20), (24, 200), (37, 53)])
def test_frames_without_a_candidate_give_nothing(mtcnn, shape):
    (found,) = found_in(mtcnn, np.full((1, *shape, 3), 127, np.uint8))
    assert (found.boxes.shape, found.landmarks.shape, found.confidence.shape) == ((0, 4), (0, 5, 2), (0,))


def test_read_only_frames_are_accepted(mtcnn, portraits):
    frame = portraits[:1].copy()
    frame.flags.writeable = False
    assert len(found_in(mtcnn, frame)[0].boxes) == 1


def test_of_two_nested_faces_the_more_confident_one_is_kept(mtcnn, portraits):
    enlarged = np.asarray(Image.fromarray(portraits[0]).resize((400, 400)))
    for found in found_in(mtcnn, enlarged[None]):
        for k, box in enumerate(found.boxes):
            assert (compute_iou(box, np.delete(found.boxes, k, axis=0)) < 0.7).all()
