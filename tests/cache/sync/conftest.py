"""A work folder of videos whose mouths move with their audio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from moving_mouths import FPS, give_mouths, label_videos

from unmask.manifests.manifest import Manifest

SPLITS = ("train", "train", "val", "test")


@pytest.fixture
def talking(media: Any) -> Callable[..., Manifest]:
    """talking(12): the manifest of so many preprocessed videos with mouth crops; `splits` are theirs by turns."""

    def make(count: int, splits: Sequence[str] = SPLITS) -> Manifest:
        settings = media.profile.preprocess.model_copy(update={"mouth_fps": FPS})
        media.profile = media.profile.model_copy(update={"preprocess": settings})
        media.add(*(f"video-{number}" for number in range(count)), change=give_mouths)
        return label_videos(media.rows, splits)

    return make
