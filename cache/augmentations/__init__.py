"""Augmentations: the same clips as they look and sound after being edited, compressed and shared.

They change the images and the audio of a clip before the encoders, so their tokens are cached like those of the clean
clip. `name_augmentation` names them and is part of the key of the tokens. Text is never changed.

No augmentation mirrors, moves or crops an image, or shifts audio in time, as platforms do not. So the tokens of a grid
keep their places, stored boxes and landmarks stay true, and lips stay in step with the audio.
"""

from unmask.cache.augmentations.audio import AUDIO_AUGMENTATIONS, augment_audio
from unmask.cache.augmentations.images import IMAGE_AUGMENTATIONS, augment_faces
from unmask.cache.augmentations.random_draws import Augmentation
from unmask.core.hashing import fingerprint
from unmask.preprocess.profiles import AugmentationSettings

__all__ = ["AUGMENTATIONS", "AUGMENTED_INPUTS", "augment_audio", "augment_faces", "name_augmentation"]

VERSION = 1
"""Increased when shared code, or a library, gives other pixels or samples. Changes the key of all augmented tokens."""

AUGMENTATIONS: dict[str, tuple[Augmentation, ...]] = {"image": IMAGE_AUGMENTATIONS, "audio": AUDIO_AUGMENTATIONS}
"""Modality -> its augmentations, in the order they are applied."""
AUGMENTED_INPUTS = ("image", "clip", "audio")
"""What encoders read of a clip (`cache.spec.Input`) that augmentations change."""

_FIRST = {
    "image": ["color 1", "blur 1", "resize 1", "noise 1", "jpeg 1"],
    "audio": ["noise 1", "band 1", "gain 1", "codec 1 mp3,aac,opus,telephone"],
}
"""The registries of version 1. They stay as written here: other registries get a name of their own by themselves."""


def name_augmentation(settings: AugmentationSettings, number: int, modality: str) -> str:
    """Name for the key of the tokens: "augment-1 seed 0 strength 1 view 2"; "" for number 0, the clean clip.

    A registry other than the first is "augment-1-<hash>": an added, removed, reordered or changed augmentation makes
    new tokens of its modality. `settings.count` is left out: a third augmented version keeps the first two.
    """
    if number == 0:
        return ""
    strength = repr(float(settings.strength)).removesuffix(".0")  # every digit, or two strengths would share a name
    return f"augment-{_name_registry(modality)} seed {settings.seed} strength {strength} view {number}"


def _name_registry(modality: str) -> str:
    identities = [augmentation.identity for augmentation in AUGMENTATIONS[modality]]
    return f"{VERSION}" if identities == _FIRST[modality] else f"{VERSION}-{fingerprint(identities)[:8]}"
