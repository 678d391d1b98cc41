"""Deepfake and real images (Kaggle manjilkarki/deepfake-and-real-images, made from OpenForensics).

archive (2)/[Dataset/]{Train,Test,Validation}/{Real,Fake}/{real,fake}_N.jpg

Names carry no identity.
"""

from __future__ import annotations

from pathlib import Path

from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, label_of, read_tree, split_of
from unmask.manifests.datasets.file_tree import walk


def scan(root: Path) -> Scanned:
    return read_tree("archive", walk(root), _read, kinds=("image",))


def _read(file: File) -> Facts | str:
    label, split = label_of(file.folders), split_of(file.folders)
    if label is None or split is None:
        return "not in Train/, Test/ or Validation/, Real/ or Fake/"
    return Facts(label=label, video_fake=bool(label), official_split=split)


LAYOUT = Layout(
    key="archive",
    names=("archive (2)", "archive", "archive (1)", "archive (3)", "deepfake-and-real-images", "Dataset"),
    scan=scan,
)
