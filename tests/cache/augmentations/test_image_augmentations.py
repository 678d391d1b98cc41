"""What views do to faces."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from unmask.cache.augmentations import augmented_faces
from unmask.cache.augmentations.images import KERNELS, Colour, PictureChange, changed_face, drawn_change
from unmask.cache.augmentations.random_draws import chosen, generator_of
from unmask.preprocess.profiles import ViewSettings

NOTHING = PictureChange(colour=None, blur=None, scale=None, kernel=KERNELS[1], noise=None, quality=None, corner=(3, 5))
NEUTRAL = Colour(brightness=0, contrast=1, saturation=1, hue=0, gamma=1)
MILD_AND_STRONG = {
    "colour": (replace(NEUTRAL, brightness=0.05), replace(NEUTRAL, brightness=0.15)),
    "blur": (0.5, 1.5),
    "scale": (0.9, 0.5),
    "noise": (1.0, 6.0),
    "quality": (95, 40),
}


def face(side: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    """Blobs of colour, with some grain."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(20, 236, (6, 6, 3), np.uint8)).resize((side, side), KERNELS[1])
    return np.clip(np.asarray(coarse) + random.normal(0, 3, (side, side, 3)), 0, 255).astype(np.uint8)


def changed(change: PictureChange, side: int = 224) -> NDArray[np.uint8]:
    return changed_face(face(side), change, np.random.default_rng(1))


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_nothing_chosen_changes_nothing():
    assert changed(NOTHING).tobytes() == face(224).tobytes()


def test_a_neutral_colour_changes_nothing_but_rounding():
    assert difference(changed(replace(NOTHING, colour=NEUTRAL)), face(224)) < 0.01


def test_every_change_is_in_the_table_of_strengths():
    assert {field.name for field in fields(PictureChange)} == {*MILD_AND_STRONG, "kernel", "corner"}


@pytest.mark.parametrize("name", MILD_AND_STRONG)
def test_more_of_a_change_is_farther_from_the_original(name: str):
    views = [changed(replace(NOTHING, **{name: value})) for value in MILD_AND_STRONG[name]]
    mild, strong = (difference(view, face(224)) for view in views)
    assert 0 < mild < strong


@pytest.mark.parametrize("name", MILD_AND_STRONG)
def test_no_change_moves_the_picture(name: str):
    original = face(224).astype(float).mean(axis=2)
    view = changed(replace(NOTHING, **{name: MILD_AND_STRONG[name][1]})).astype(float).mean(axis=2)
    spectrum = np.fft.fft2(original - original.mean()).conj() * np.fft.fft2(view - view.mean())
    assert np.fft.ifft2(spectrum).real.argmax() == 0


def test_grey_stays_grey_under_hue_and_saturation():
    grey = np.full((8, 8, 3), 120, np.uint8)
    turned = replace(NOTHING, colour=replace(NEUTRAL, hue=0.3, saturation=1.4))
    assert np.ptp(changed_face(grey, turned, np.random.default_rng(0)).astype(int)) <= 1


def test_noise_is_as_strong_as_it_says_and_stronger_in_light():
    levels = {}
    for value in (64, 200):
        flat = np.full((128, 128, 3), value, np.uint8)
        noisy = changed_face(flat, replace(NOTHING, noise=6.0), np.random.default_rng(0))
        levels[value] = noisy.std()
        assert noisy.mean() == pytest.approx(value, abs=0.2)
    assert levels[64] < levels[200] == pytest.approx(6 * np.sqrt(0.2 + 0.8 * 200 / 255), rel=0.05)


def test_frames_of_a_clip_get_one_treatment_and_their_own_noise():
    frames = face()[None].repeat(3, axis=0)
    for number in range(1, 13):
        change = drawn_change(generator_of("faces", ViewSettings(), number, ("a", 0)), 1.0)
        view = augmented_faces(frames, np.array([0, 3]), [("a", 0)], ViewSettings(), number)
        assert len({frame.tobytes() for frame in view}) == (1 if change.noise is None else 3)


def test_strength_widens_every_range_and_changes_no_choice():
    def drawn(strength: float) -> list[PictureChange]:
        return [drawn_change(np.random.default_rng(seed), strength) for seed in range(200)]

    mild, strong = drawn(0.5), drawn(2.0)
    for one, other in zip(mild, strong, strict=True):
        assert [getattr(one, name) is None for name in MILD_AND_STRONG] == [
            getattr(other, name) is None for name in MILD_AND_STRONG
        ]
        assert (one.kernel, one.corner) == (other.kernel, other.corner)
        assert one.blur is None or (other.blur is not None and one.blur < other.blur <= 3)
        assert one.scale is None or (other.scale is not None and one.scale > other.scale >= 0.25)
        assert one.quality is None or (other.quality is not None and 95 >= one.quality >= other.quality >= 20)


def test_a_stronger_view_is_farther_from_the_clean_faces():
    faces, keys = face()[None].repeat(30, axis=0), [(f"m{number}", 0) for number in range(30)]
    views = [augmented_faces(faces, np.arange(31), keys, ViewSettings(strength=s), 1) for s in (0.1, 0.5, 1.0, 2.0)]
    distances = [difference(view, faces) for view in views]
    assert distances == sorted(distances)
    assert distances[-1] > 2 * distances[0]


def test_every_clip_gets_something_and_each_change_is_in_about_half():
    takes = np.array([chosen(np.random.default_rng(seed), 5) for seed in range(1000)])
    assert takes.any(axis=1).all()
    assert takes.mean(axis=0) == pytest.approx(np.full(5, 0.51), abs=0.05)


@pytest.mark.parametrize("side", [1, 2, 33, 224])
def test_any_size_of_face_works(side: int):
    for seed in range(12):
        random = np.random.default_rng(seed)
        change = drawn_change(random, 2.0)
        view = changed_face(face(side), change, random)
        assert (view.shape, view.dtype) == ((side, side, 3), np.uint8)


@pytest.mark.corpus
def test_a_real_face_stays_itself(corpus: Path):
    """A view at strength 1 is nearer to its own picture than to any other one."""
    paths = sorted((corpus / "archive (2)").rglob("*.jpg"))[:12]
    faces = np.stack([np.asarray(Image.open(path).convert("RGB").resize((96, 96))) for path in paths])
    keys = [(str(number), 0) for number in range(len(faces))]
    view = augmented_faces(faces, np.arange(len(faces) + 1), keys, ViewSettings(), 1)
    flat = [(each.astype(float) - each.mean()).reshape(len(faces), -1) for each in (faces, view)]
    likeness = np.corrcoef(*flat)[: len(faces), len(faces) :]
    assert len(faces) == 12
    assert (likeness.argmax(axis=1) == np.arange(len(faces))).all()
