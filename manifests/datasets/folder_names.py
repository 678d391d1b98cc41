"""Folder names that give a class or a split, in the spellings that datasets use."""

from __future__ import annotations

import re

from unmask.manifests.datasets.file_tree import fold
from unmask.manifests.manifest import Split

REAL = (
    *("real", "reals", "genuine", "bonafide", "authentic", "original", "originals", "pristine", "human", "nature"),
    *("natural", "unaltered", "untampered"),
)
FAKE = (
    *("fake", "fakes", "deepfake", "deepfakes", "spoof", "spoofs", "spoofed", "forged", "forgery", "forgeries"),
    *("manipulated", "synthetic", "synthesized", "synthesised", "synthesis", "generated", "aigenerated", "ai"),
    *("altered", "tampered", "swapped"),
)
SPLITS: dict[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
# Words beside the class, as in real_images, training_fake and 0_real.
_MEDIA = (
    "images|image|imgs|img|pictures|pics|photos|videos|video|vids|clips|audios|audio|voices|voice|speech|wavs|wav|"
    "faces|face|frames|samples|sample|files|data"
)
# One digit at a time: with \d+ inside, forty digits could be divided in as many ways as there are subsets of them.
_BESIDE = rf"(?:{_MEDIA}|training|train|testing|test|validation|valid|val|\d)*"
_CLASSES = [re.compile(rf"{_BESIDE}(?:{'|'.join(names)}){_BESIDE}") for names in (REAL, FAKE)]
# A large folder is downloaded from a drive in parts such as train-20250112T065955Z-001.
_SPLIT = re.compile(rf"({'|'.join(SPLITS)})(?:{_MEDIA}|set|split|\d+t\d+z\d+)*")

_ONLY_MEDIA = re.compile(rf"(?:{_MEDIA})+")

LONGEST = 255
"""Characters of a name; in a table it may have any number."""

LEVEL = re.compile(r"(?<![a-z0-9])(raw|c0|c23|c40)(?![a-z0-9])", re.IGNORECASE)
_ADDED = re.compile(
    r"(?:[\s_\-.]*(?:\(\d+\)|v\d+(?:\.\d+)*|\d{8}T\d{6}Z(?:-\d+)*|[(\[]?"
    r"(?:dataset|data|extracted|unzipped|unpacked|copy|master|main|kaggle|full|zip|tar|part[\s_-]?\d+)[)\]]?))+$",
    re.IGNORECASE,
)


def parse_label(folded: str) -> int | None:
    """0 for a folder of real files, 1 for fakes, None for another folder. `folded`: see `file_tree.fold`."""
    if len(folded) > LONGEST:
        return None
    return next((label for label, pattern in enumerate(_CLASSES) if pattern.fullmatch(folded)), None)


def parse_split(folded: str) -> Split | None:
    """The split that a folder name gives, such as "train", "val_set" or "test images"."""
    found = _SPLIT.fullmatch(folded)
    return SPLITS[found[1]] if found else None


def names_media(folded: str) -> bool:
    """Does a folder name say nothing but which kind of media it holds, such as "images"?"""
    return bool(_ONLY_MEDIA.fullmatch(folded))


def normalize_name(name: str) -> str:
    """Name of a dataset's folder normalized by `fold`, without a compression level."""
    return fold(LEVEL.sub("", name)) or fold(name)


def strip_additions(name: str) -> str:
    """`normalize_name` without what downloads and copies add: "(1)", "-dataset", "(extracted)", "_v2", a date."""
    return normalize_name(_ADDED.sub("", LEVEL.sub("", name)) or name)
