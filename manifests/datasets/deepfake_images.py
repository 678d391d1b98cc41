"""Deepfake image detection (Kaggle saurabhbagchi/deepfake-image-detection). Names carry no identity.

Deepfake image detection dataset/
    train-<date>/[train/]{fake,real}/*.jpg
    test-<date>/[test/]{fake,real}/*.jpg
    Sample_fake_images/[Sample_fake_images/]fake/*.jpg
"""

from __future__ import annotations

import re
from pathlib import Path

from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, label_of, read_tree, split_of
from unmask.manifests.datasets.file_tree import walk

# A download of a large folder comes in archives such as train-20250112T065955Z-001.
_PART = re.compile(r"(train|test)\d+t\d+z\d+")


def scan(root: Path) -> Scanned:
    return read_tree("deepfake_images", walk(root), _read, kinds=("image",))


def _read(file: File) -> Facts | str:
    folders = [_PART.sub(r"\1", name) for name in file.folders]
    label, split = label_of(folders), split_of(folders)
    if "samplefakeimages" in folders:
        # Official tests stay what everybody tests on, so the extra samples, which are in no split, are for training.
        label, split = (1 if label is None else label), "train"
    if label is None or split is None:
        return "not in train/ or test/, real/ or fake/"
    return Facts(label=label, video_fake=bool(label), official_split=split)


LAYOUT = Layout(
    key="deepfake_images",
    names=("Deepfake image detection dataset", "deepfake-image-detection", "deepfake_images"),
    scan=scan,
)
