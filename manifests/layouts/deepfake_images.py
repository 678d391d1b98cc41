"""Deepfake image detection (Kaggle saurabhbagchi/deepfake-image-detection). Names carry no identity.

Deepfake image detection dataset/
    train-<date>/train/{fake,real}/*.jpg
    test-<date>/test/{fake,real}/*.jpg
    Sample_fake_images/[Sample_fake_images/]fake/*.jpg
"""

from __future__ import annotations

from pathlib import Path

from manifests.layouts.layout import Facts, File, Layout, Scanned, label_of, read_tree, split_of
from manifests.layouts.tree import walk


def scan(root: Path) -> Scanned:
    return read_tree("deepfake_images", walk(root), _read, kinds=("image",))


def _read(file: File) -> Facts | str:
    sample = "samplefakeimages" in file.folders
    label = 1 if sample else label_of(file.folders)
    # Official tests stay what everybody tests on, so the extra samples, which are in no split, may only be trained on.
    split = "train" if sample else split_of(file.folders)
    if label is None or split is None:
        return "not in train/ or test/, real/ or fake/"
    return Facts(label=label, video_fake=bool(label), official_split=split)


LAYOUT = Layout(
    key="deepfake_images",
    names=("Deepfake image detection dataset", "deepfake-image-detection", "deepfake_images"),
    scan=scan,
)
