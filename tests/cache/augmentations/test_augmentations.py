"""Augmented clips: named, seeded, and the same wherever they are computed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from unmask.cache import augmentations
from unmask.cache.augmentations import AUGMENTATIONS, augment_audio, augment_faces, name_augmentation
from unmask.cache.augmentations.random_draws import draw_parameters
from unmask.preprocess.profiles import AugmentationSettings

ROOT = Path(__file__).parents[3]
RATE = 16_000
KEYS = [("video", 0), ("video", 1), ("image", 0), ("speech", 0)]
FACES, SAMPLES = [3, 2, 1, 0], [9000, 8000, 0, 12_345]


def offsets(lengths: list[int]) -> NDArray[np.int64]:
    return np.cumsum([0, *lengths])


def pictures(count: int, size: int = 48, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth, so that JPEG and blur have something to keep."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, size // 8, size // 8, 3), np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def sound(count: int, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-6000, 6000, count, dtype=np.int16)


def seen(number: int = 1, **settings: float) -> NDArray[np.uint8]:
    return augment_faces(pictures(sum(FACES)), offsets(FACES), KEYS, AugmentationSettings(**settings), number)


def heard(number: int = 1, **settings: float) -> NDArray[np.int16]:
    return augment_audio(sound(sum(SAMPLES)), offsets(SAMPLES), KEYS, RATE, AugmentationSettings(**settings), number)


def digest() -> str:
    parts = [part for number in (1, 2, 3) for part in (seen(number).tobytes(), heard(number).tobytes())]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize("modality", AUGMENTATIONS)
def test_the_name_says_what_changes_the_pixels_and_nothing_else(modality: str):
    settings = AugmentationSettings(count=3)
    # Unchanged augmentations keep their tokens; the codecs of audio are in their second version.
    registry = {"image": "augment-1", "audio": "augment-1-04233df7"}[modality]
    assert name_augmentation(settings, 2, modality) == f"{registry} seed 0 strength 1 view 2"
    assert name_augmentation(settings, 0, modality) == ""
    assert name_augmentation(AugmentationSettings(count=5), 2, modality) == name_augmentation(settings, 2, modality)
    near = [AugmentationSettings(strength=0.1 + step * 1e-9) for step in range(3)]
    others = [AugmentationSettings(seed=1), AugmentationSettings(strength=0.5), *near]
    names = {name_augmentation(other, number, modality) for other in (settings, *others) for number in (1, 2)}
    assert len(names) == 12


@pytest.mark.parametrize("modality", AUGMENTATIONS)
def test_another_registry_is_another_name_for_its_modality_alone(modality: str, monkeypatch: pytest.MonkeyPatch):
    first, *others = AUGMENTATIONS[modality]
    names = {name_augmentation(AugmentationSettings(), 1, modality)}
    (other,) = AUGMENTATIONS.keys() - {modality}
    before = name_augmentation(AugmentationSettings(), 1, other)
    for changed in (others, [*others, first], [replace(first, version=3), *others], [first, *others, others[-1]]):
        monkeypatch.setitem(augmentations.AUGMENTATIONS, modality, tuple(changed))
        names.add(name_augmentation(AugmentationSettings(), 1, modality))
        assert name_augmentation(AugmentationSettings(), 1, other) == before
    assert len(names) == 5
    assert all(name.startswith("augment-1") for name in names)


@pytest.mark.parametrize(
    ("modality", "rate", "digest"),
    [("image", (), "0c92fcc482d8f2c3"), ("audio", (RATE,), "097cb3048f88df75")],
)
def test_the_draws_are_those_of_the_first_version(modality: str, rate: tuple[int, ...], digest: str):
    """A new digest here means other augmented tokens: increase `version` of the augmentation that changed."""
    generators = [np.random.Generator(np.random.PCG64(seed)) for seed in range(100)]
    drawn = [draw_parameters(AUGMENTATIONS[modality], random, 1.5, *rate) for random in generators]
    rounded = repr(
        [[name, np.round(np.hstack(_numbers(value)), 6).tolist()] for one in drawn for name, value in one.items()]
    )
    assert hashlib.sha256(rounded.encode()).hexdigest()[:16] == digest


def _numbers(value: object) -> list[float]:
    """Of parameters, nested tuples included; a codec's name counts as its length."""
    if isinstance(value, tuple):
        return [number for part in value for number in _numbers(part)]
    return [float(len(value)) if isinstance(value, str) else float(value)]  # type: ignore[arg-type]


def test_the_clean_view_is_what_was_given():
    assert seen(0).tobytes() == pictures(sum(FACES)).tobytes()
    assert heard(0).tobytes() == sound(sum(SAMPLES)).tobytes()


def test_a_fresh_process_makes_the_same_bytes():
    program = "from tests.cache.augmentations.test_augmentations import digest; print(digest())"
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    assert done.stdout.strip() == digest()


def test_views_and_seeds_differ():
    variants: list[dict[str, int]] = [{"number": 1}, {"number": 2}, {"number": 1, "seed": 1}]
    assert len({seen(**variant).tobytes() for variant in variants}) == 3
    assert len({heard(**variant).tobytes() for variant in variants}) == 3


def test_clips_and_items_of_equal_content_differ():
    faces, audio = pictures(1).repeat(12, axis=0), np.tile(sound(4000), 12)
    keys = [(f"item {item}", clip) for item in range(4) for clip in range(3)]
    many = augment_faces(faces, offsets([1] * 12), keys, AugmentationSettings(), 1)
    loud = augment_audio(audio, offsets([4000] * 12), keys, RATE, AugmentationSettings(), 1)
    assert len({face.tobytes() for face in many}) == 12
    assert len({part.tobytes() for part in loud.reshape(12, -1)}) == 12


def test_shape_type_and_the_original_are_kept():
    faces, audio = pictures(sum(FACES)), sound(sum(SAMPLES))
    view = augment_faces(faces, offsets(FACES), KEYS, AugmentationSettings(), 1)
    wave = augment_audio(audio, offsets(SAMPLES), KEYS, RATE, AugmentationSettings(), 1)
    assert (view.shape, view.dtype, wave.shape, wave.dtype) == (faces.shape, np.uint8, audio.shape, np.int16)
    assert faces.tobytes() == pictures(sum(FACES)).tobytes()
    assert audio.tobytes() == sound(sum(SAMPLES)).tobytes()


@pytest.mark.parametrize("clip", range(len(KEYS)))
def test_a_clip_does_not_depend_on_its_neighbours(clip: int):
    view, wave, at, begin = seen(), heard(), offsets(FACES), offsets(SAMPLES)
    own, part = slice(at[clip], at[clip + 1]), slice(begin[clip], begin[clip + 1])
    faces, audio = pictures(sum(FACES))[own], sound(sum(SAMPLES))[part]
    alone = augment_faces(faces, offsets([len(faces)]), [KEYS[clip]], AugmentationSettings(), 1)
    wave_alone = augment_audio(audio, offsets([len(audio)]), [KEYS[clip]], RATE, AugmentationSettings(), 1)
    assert alone.tobytes() == view[own].tobytes()
    assert wave_alone.tobytes() == wave[part].tobytes()


def test_the_order_of_clips_changes_none():
    lengths, keys = [1000, 2000], [("a", 0), ("b", 0)]
    audio = sound(3000)
    forth = augment_audio(audio, offsets(lengths), keys, RATE, AugmentationSettings(), 1)
    turned = np.concatenate([audio[1000:], audio[:1000]])
    back = augment_audio(turned, offsets(lengths[::-1]), keys[::-1], RATE, AugmentationSettings(), 1)
    assert np.concatenate([back[2000:], back[:2000]]).tobytes() == forth.tobytes()


def test_a_shard_without_media_stays_empty():
    nothing = np.zeros(0, np.uint8)  # what a shard reads as when no encoder asked for faces, whatever its offsets say
    assert augment_faces(nothing, offsets(FACES), KEYS, AugmentationSettings(), 1) is nothing
    silent = np.zeros(0, np.int16)
    assert augment_audio(silent, offsets(SAMPLES), KEYS, RATE, AugmentationSettings(), 1) is silent
    assert len(augment_faces(pictures(0), offsets([]), [], AugmentationSettings(), 1)) == 0
