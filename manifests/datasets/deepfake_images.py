"""Deepfake image detection (Kaggle saurabhbagchi/deepfake-image-detection). File names give no identity.

Deepfake image detection dataset/
    train-<date>/[train/]{fake,real}/*.jpg
    test-<date>/[test/]{fake,real}/*.jpg
    Sample_fake_images/[Sample_fake_images/]fake/*.jpg
"""

from __future__ import annotations

import re
from pathlib import Path

from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, find_label, find_split, read_tree
from unmask.manifests.datasets.file_tree import walk
from unmask.manifests.datasets.outline import NO, POSSIBLE, SURE, Match, Outline, is_image

# A large folder is downloaded as archives such as train-20250112T065955Z-001.
_PART = re.compile(r"(train|test)\d+t\d+z\d+")
_OWN_PART = re.compile(r"(train|test)20250112t\d+z\d+")


def scan(root: Path) -> Scanned:
    return read_tree("deepfake_images", walk(root), _read, kinds=("image",))


def _read(file: File) -> Facts | str:
    folders = [_PART.sub(r"\1", name) for name in file.folders]
    label, split = find_label(folders), find_split(folders)
    if "samplefakeimages" in folders:
        # The extra samples have no published split. They are train, so that the official test set stays as published.
        label, split = (1 if label is None else label), "train"
    if label is None or split is None:
        return "not in train/ or test/, real/ or fake/"
    return Facts(label=label, video_fake=bool(label), official_split=split)


def _fits(outline: Outline) -> Match:
    if "samplefakeimages" in outline.top or any(map(_OWN_PART.fullmatch, outline.top)):
        return SURE

    def is_in_place(folders: tuple[str, ...], name: str) -> bool:
        return find_label(folders) is not None and find_split(folders[:1]) is not None

    return POSSIBLE if outline.has_names(lambda _, name: is_image(name), among=is_in_place) else NO


LAYOUT = Layout(
    key="deepfake_images",
    names=("Deepfake image detection dataset", "deepfake-image-detection", "deepfake_images"),
    scan=scan,
    fits=_fits,
)
