"""A folder of the user's own, with any kind of media:

    <name>/{real,fake}/**
    <name>/{train,val,test}/{real,fake}/**

Identities are unknown, so splits keep only equal files together. Write a table (custom_table.py) where identities or
sources are known.
"""

from __future__ import annotations

import re
from pathlib import Path

from unmask.manifests.datasets.base import LABEL_NAMES, SPLIT_NAMES, Facts, File, Scanned, read_tree
from unmask.manifests.datasets.file_tree import fold, list_folders, walk
from unmask.manifests.manifest import Kind

SHAPE = "<name>/{real,fake}/ or <name>/{train,val,test}/{real,fake}/"


def is_own(folder: Path) -> bool:
    """Does it have one of the forms above?"""
    inner = {fold(path.name): path for path in list_folders(folder)}
    if any(name in LABEL_NAMES for name in inner):
        return True
    splits = [path for name, path in inner.items() if name in SPLIT_NAMES]
    return any(fold(path.name) in LABEL_NAMES for split in splits for path in list_folders(split))


def make_key(name: str) -> str:
    """The dataset's key: the folder's or table's name in lower case, everything but letters and digits as "_"."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_") or "own"


def scan(root: Path, key: str, domain_id: int) -> Scanned:
    # A folder "masks" may hold images of masked faces.
    kinds: tuple[Kind, ...] = ("image", "audio", "video")
    return read_tree(key, walk(root), _read, kinds=kinds, domain_id=domain_id, mask_folders=())


def _read(file: File) -> Facts | str:
    split = SPLIT_NAMES.get(file.folders[0]) if file.folders else None
    label = LABEL_NAMES.get(file.folders[1 if split and len(file.folders) > 1 else 0]) if file.folders else None
    if label is None:
        return "not in real/ or fake/"
    return make_facts(file.kind, label, official_split=split)


def make_facts(kind: Kind, label: int, **known: object) -> Facts:
    """An image or audio file has one modality, which its label describes; a fake video's fake modality is unknown."""
    part = {"image": "video_fake", "audio": "audio_fake"}.get(kind)
    return Facts(label=label, **({part: bool(label)} if part else {}), **known)  # type: ignore[arg-type]
