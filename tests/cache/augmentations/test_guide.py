"""The example of docs/add-an-augmentation.md is executed as its file and its entry."""

from __future__ import annotations

import numpy as np
import pytest
from guides import code_blocks, execute_block

from unmask.cache import augmentations
from unmask.cache.augmentations import augment_faces, images, name_augmentation
from unmask.cache.augmentations.random_draws import Augmentation, draw_parameters
from unmask.preprocess.profiles import AugmentationSettings


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> tuple[Augmentation, ...]:
    file, line = code_blocks("add-an-augmentation.md")
    entry = eval(line, {**vars(execute_block(file, "posterize")), "Augmentation": Augmentation})
    registry = (*images.IMAGE_AUGMENTATIONS, entry)
    monkeypatch.setattr(images, "IMAGE_AUGMENTATIONS", registry)
    monkeypatch.setitem(augmentations.AUGMENTATIONS, "image", registry)
    return registry


AUDIO_NAME = name_augmentation(AugmentationSettings(), 1, "audio")


def test_the_augmentation_of_the_guide_is_drawn_and_applied(registered: tuple[Augmentation, ...]):
    drawn = [draw_parameters(registered, np.random.default_rng(seed), 2.0) for seed in range(200)]
    bits = [parameters["posterize"] for parameters in drawn if "posterize" in parameters]
    assert 80 < len(bits) < 130
    assert set(bits) == {3, 4, 5, 6, 7}
    ramp = np.arange(256, dtype=np.uint8)[:, None, None].repeat(256, axis=1).repeat(3, axis=2)
    posterized = images.apply_to_face(ramp, {"posterize": 3}, np.random.default_rng(0))
    assert len(np.unique(posterized)) == 8


def test_it_makes_new_tokens_for_images_alone(registered: tuple[Augmentation, ...]):
    assert name_augmentation(AugmentationSettings(), 1, "image").startswith("augment-1-")
    assert name_augmentation(AugmentationSettings(), 1, "audio") == AUDIO_NAME


def test_a_clip_still_does_not_depend_on_its_neighbors(registered: tuple[Augmentation, ...]):
    faces = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    keys = [("a", 0), ("b", 0)]
    together = augment_faces(faces, np.array([0, 3, 6]), keys, AugmentationSettings(), 1)
    alone = augment_faces(faces[3:], np.array([0, 3]), keys[1:], AugmentationSettings(), 1)
    assert together[3:].tobytes() == alone.tobytes()
