"""Any folder of somebody's own, with any kind of media:

    <name>/{real,fake}/**
    <name>/{train,val,test}/{real,fake}/**

Nothing tells who is in it, so nothing but equal files is kept apart: write a table (see table.py) where you know people
or sources.
"""

from __future__ import annotations

import re
from pathlib import Path

from unmask.manifests.datasets.base import LABEL_NAMES, SPLIT_NAMES, Facts, File, Scanned, read_tree
from unmask.manifests.datasets.file_tree import fold, folders, walk
from unmask.manifests.manifest import Kind

SHAPE = "<name>/{real,fake}/ or <name>/{train,val,test}/{real,fake}/"


def is_own(folder: Path) -> bool:
    """Does it have the shape above?"""
    inner = {fold(path.name): path for path in folders(folder)}
    if any(name in LABEL_NAMES for name in inner):
        return True
    splits = [path for name, path in inner.items() if name in SPLIT_NAMES]
    return any(fold(path.name) in LABEL_NAMES for split in splits for path in folders(split))


def key_of(name: str) -> str:
    """The dataset's key: the folder's or table's name in lower case, everything but letters and digits as "_"."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_") or "own"


def scan(root: Path, key: str, domain_id: int) -> Scanned:
    # A picture of somebody who wears a mask is no mask of a forgery.
    kinds: tuple[Kind, ...] = ("image", "audio", "video")
    return read_tree(key, walk(root), _read, kinds=kinds, domain_id=domain_id, mask_folders=())


def _read(file: File) -> Facts | str:
    split = SPLIT_NAMES.get(file.folders[0]) if file.folders else None
    label = LABEL_NAMES.get(file.folders[1 if split and len(file.folders) > 1 else 0]) if file.folders else None
    if label is None:
        return "not in real/ or fake/"
    return facts(file.kind, label, official_split=split)


def facts(kind: Kind, label: int, **known: object) -> Facts:
    """A picture's or a recording's label is its only part's; which part of a video is forged stays unknown."""
    part = {"image": "video_fake", "audio": "audio_fake"}.get(kind)
    return Facts(label=label, **({part: bool(label)} if part else {}), **known)  # type: ignore[arg-type]
