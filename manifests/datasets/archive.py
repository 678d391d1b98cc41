"""Deepfake and real images (Kaggle manjilkarki/deepfake-and-real-images, made from OpenForensics).

archive (2)/[Dataset/]{Train,Test,Validation}/{Real,Fake}/{real,fake}_N.jpg

File names give no identity.
"""

from __future__ import annotations

from pathlib import Path

from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, find_label, find_split, read_tree
from unmask.manifests.datasets.file_tree import walk


def scan(root: Path) -> Scanned:
    return read_tree("archive", walk(root), _read, kinds=("image",))


def _read(file: File) -> Facts | str:
    label, split = find_label(file.folders), find_split(file.folders)
    if label is None or split is None:
        return "not in Train/, Test/ or Validation/, Real/ or Fake/"
    return Facts(label=label, video_fake=bool(label), official_split=split)


LAYOUT = Layout(
    key="archive",
    names=("archive (2)", "archive", "archive (1)", "archive (3)", "deepfake-and-real-images", "Dataset"),
    scan=scan,
)
