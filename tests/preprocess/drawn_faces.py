"""Drawn faces that MTCNN detects, so that no photograph of a person is needed."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from unmask.demo.image_datasets import archive
from unmask.demo.render import picture_of


@cache
def drawn_face(number: int) -> NDArray[np.uint8]:
    """(256, 256, 3) a portrait; every number is somebody else."""
    return np.asarray(picture_of(7, archive(7, 1.0)[2 * number]), np.uint8)


def group_photo(*numbers: int) -> NDArray[np.uint8]:
    """Portraits side by side."""
    return np.concatenate([drawn_face(number) for number in numbers], axis=1)
