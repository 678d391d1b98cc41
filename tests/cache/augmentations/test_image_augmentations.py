"""What augmentations do to faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from unmask.cache.augmentations import augment_faces
from unmask.cache.augmentations.images import IMAGE_AUGMENTATIONS, KERNELS, Color, Jpeg, Resize, apply_to_face
from unmask.cache.augmentations.random_draws import choose, draw_parameters, seed_generator
from unmask.preprocess.profiles import AugmentationSettings

NEUTRAL = Color(brightness=0, contrast=1, saturation=1, hue=0, gamma=1)
MILD_AND_STRONG: dict[str, tuple[Any, Any]] = {
    "color": (NEUTRAL._replace(brightness=0.05), NEUTRAL._replace(brightness=0.15)),
    "blur": (0.5, 1.5),
    "resize": (Resize(0.9, KERNELS[1]), Resize(0.5, KERNELS[1])),
    "noise": (1.0, 6.0),
    "jpeg": (Jpeg(95, (3, 5)), Jpeg(40, (3, 5))),
}


def face(side: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    """Blobs of color, with some grain."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(20, 236, (6, 6, 3), np.uint8)).resize((side, side), KERNELS[1])
    return np.clip(np.asarray(coarse) + random.normal(0, 3, (side, side, 3)), 0, 255).astype(np.uint8)


def change(side: int = 224, **parameters: Any) -> NDArray[np.uint8]:
    return apply_to_face(face(side), parameters, np.random.default_rng(1))


def draw(random: np.random.Generator, strength: float) -> dict[str, Any]:
    return draw_parameters(IMAGE_AUGMENTATIONS, random, strength)


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_nothing_chosen_changes_nothing():
    assert change().tobytes() == face(224).tobytes()


def test_a_neutral_color_changes_nothing_but_rounding():
    assert difference(change(color=NEUTRAL), face(224)) < 0.01


def test_every_augmentation_is_in_the_table_of_strengths():
    assert [augmentation.name for augmentation in IMAGE_AUGMENTATIONS] == list(MILD_AND_STRONG)


@pytest.mark.parametrize("name", MILD_AND_STRONG)
def test_more_of_an_augmentation_is_farther_from_the_original(name: str):
    views = [change(**{name: value}) for value in MILD_AND_STRONG[name]]
    mild, strong = (difference(view, face(224)) for view in views)
    assert 0 < mild < strong


@pytest.mark.parametrize("name", MILD_AND_STRONG)
def test_no_augmentation_moves_the_image(name: str):
    original = face(224).astype(float).mean(axis=2)
    view = change(**{name: MILD_AND_STRONG[name][1]}).astype(float).mean(axis=2)
    spectrum = np.fft.fft2(original - original.mean()).conj() * np.fft.fft2(view - view.mean())
    assert np.fft.ifft2(spectrum).real.argmax() == 0


def test_gray_stays_gray_under_hue_and_saturation():
    gray = np.full((8, 8, 3), 120, np.uint8)
    turned = {"color": NEUTRAL._replace(hue=0.3, saturation=1.4)}
    assert np.ptp(apply_to_face(gray, turned, np.random.default_rng(0)).astype(int)) <= 1


def test_noise_is_as_strong_as_it_says_and_stronger_in_light():
    levels = {}
    for value in (64, 200):
        flat = np.full((128, 128, 3), value, np.uint8)
        noisy = apply_to_face(flat, {"noise": 6.0}, np.random.default_rng(0))
        levels[value] = noisy.std()
        assert noisy.mean() == pytest.approx(value, abs=0.2)
    assert levels[64] < levels[200] == pytest.approx(6 * np.sqrt(0.2 + 0.8 * 200 / 255), rel=0.05)


def test_frames_of_a_clip_get_one_treatment_and_their_own_noise():
    frames = face()[None].repeat(3, axis=0)
    for number in range(1, 13):
        parameters = draw(seed_generator("faces", AugmentationSettings(), number, ("a", 0)), 1.0)
        view = augment_faces(frames, np.array([0, 3]), [("a", 0)], AugmentationSettings(), number)
        assert len({frame.tobytes() for frame in view}) == (3 if "noise" in parameters else 1)


def test_strength_widens_every_range_and_changes_no_choice():
    for seed in range(200):
        mild, strong = (draw(np.random.default_rng(seed), strength) for strength in (0.5, 2.0))
        assert list(mild) == list(strong)
        if "blur" in mild:
            assert mild["blur"] < strong["blur"] <= 3
        if "resize" in mild:
            assert mild["resize"].kernel == strong["resize"].kernel
            assert mild["resize"].scale > strong["resize"].scale >= 0.25
        if "jpeg" in mild:
            assert mild["jpeg"].corner == strong["jpeg"].corner
            assert 95 >= mild["jpeg"].quality >= strong["jpeg"].quality >= 20


def test_a_stronger_augmentation_is_farther_from_the_clean_faces():
    faces, keys = face()[None].repeat(30, axis=0), [(f"m{number}", 0) for number in range(30)]
    views = [
        augment_faces(faces, np.arange(31), keys, AugmentationSettings(strength=s), 1) for s in (0.1, 0.5, 1.0, 2.0)
    ]
    distances = [difference(view, faces) for view in views]
    assert distances == sorted(distances)
    assert distances[-1] > 2 * distances[0]


def test_every_clip_gets_something_and_each_augmentation_is_in_about_half():
    takes = np.array([choose(np.random.default_rng(seed), 5) for seed in range(1000)])
    assert takes.any(axis=1).all()
    assert takes.mean(axis=0) == pytest.approx(np.full(5, 0.51), abs=0.05)


@pytest.mark.parametrize("side", [1, 2, 33, 224])
def test_any_size_of_face_works(side: int):
    for seed in range(12):
        random = np.random.default_rng(seed)
        view = apply_to_face(face(side), draw(random, 2.0), random)
        assert (view.shape, view.dtype) == ((side, side, 3), np.uint8)


@pytest.mark.corpus
def test_a_real_face_stays_itself(corpus: Path):
    """A face augmented at strength 1 is nearer to its original than to any other face."""
    paths = sorted((corpus / "archive (2)").rglob("*.jpg"))[:12]
    faces = np.stack([np.asarray(Image.open(path).convert("RGB").resize((96, 96))) for path in paths])
    keys = [(str(number), 0) for number in range(len(faces))]
    view = augment_faces(faces, np.arange(len(faces) + 1), keys, AugmentationSettings(), 1)
    flat = [(each.astype(float) - each.mean()).reshape(len(faces), -1) for each in (faces, view)]
    likeness = np.corrcoef(*flat)[: len(faces), len(faces) :]
    assert len(faces) == 12
    assert (likeness.argmax(axis=1) == np.arange(len(faces))).all()
