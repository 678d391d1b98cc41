"""Deepfake and real images (Kaggle manjilkarki/deepfake-and-real-images, made from OpenForensics).

archive (2)/[Dataset/]{Train,Test,Validation}/{Real,Fake}/{real,fake}_N.jpg

File names give no identity.
"""

from __future__ import annotations

import re
from pathlib import Path

from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, find_label, find_split, read_tree
from unmask.manifests.datasets.file_tree import walk
from unmask.manifests.datasets.folder_names import parse_label, parse_split
from unmask.manifests.datasets.outline import NO, POSSIBLE, SURE, Match, Outline, is_image

_NAME = re.compile(r"(real|fake)_\d+\.\w+")


def scan(root: Path) -> Scanned:
    return read_tree("archive", walk(root), _read, kinds=("image",))


def _read(file: File) -> Facts | str:
    label, split = find_label(file.folders), find_split(file.folders)
    if label is None or split is None:
        return "not in Train/, Test/ or Validation/, Real/ or Fake/"
    return Facts(label=label, video_fake=bool(label), official_split=split)


def _fits(outline: Outline) -> Match:
    """Its folder names are everybody's, so the file names decide."""

    def is_in_place(folders: tuple[str, ...], name: str) -> bool:
        return len(folders) == 2 and parse_split(folders[0]) is not None and parse_label(folders[1]) is not None

    if outline.has_names(lambda _, name: bool(_NAME.fullmatch(name)), among=is_in_place):
        return SURE
    return POSSIBLE if outline.has_names(lambda _, name: is_image(name), among=is_in_place) else NO


LAYOUT = Layout(
    key="archive",
    names=("archive (2)", "archive", "archive (1)", "archive (3)", "deepfake-and-real-images", "Dataset"),
    scan=scan,
    fits=_fits,
    generic=("archive (2)", "archive", "archive (1)", "archive (3)", "Dataset"),
)
