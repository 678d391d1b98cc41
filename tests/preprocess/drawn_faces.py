"""Drawn faces that MTCNN detects, so that no photograph of a person is needed."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from unmask.demo.layouts import list_items
from unmask.demo.render import draw_image


@cache
def drawn_face(number: int) -> NDArray[np.uint8]:
    """(256, 256, 3) a portrait; every number is somebody else."""
    portraits = [item for item in list_items(7, 1.0) if item.dataset == "archive" and not item.fake]
    return draw_image(7, portraits[number])


def group_photo(*numbers: int) -> NDArray[np.uint8]:
    """Portraits side by side."""
    return np.concatenate([drawn_face(number) for number in numbers], axis=1)
