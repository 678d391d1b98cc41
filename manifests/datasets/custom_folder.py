"""A folder of the user's own, with any kind of media:

    <name>/{real,fake}/**
    <name>/{train,val,test}/{real,fake}/**      also train/images/{real,fake}/
    <name>/{real,fake}/{train,val,test}/**

The classes may have other names: bonafide and spoof, 0_real and 1_fake, training_real and training_fake; see
folder_names.py.
Identities are unknown, so splits keep only equal files together. Write a table (custom_table.py) where identities or
sources are known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from unmask.manifests.datasets.base import Facts, File, Scanned, read_tree
from unmask.manifests.datasets.file_tree import fold, list_folders, walk
from unmask.manifests.datasets.folder_names import names_media, parse_label, parse_split
from unmask.manifests.datasets.sidecars import split_suffix
from unmask.manifests.findings import Conflict
from unmask.manifests.manifest import Kind, Split
from unmask.media.media_kind import KINDS

SHAPE = "<name>/{real,fake}/ or <name>/{train,val,test}/{real,fake}/"
NO_CLASS = "not in real/ or fake/"
# Folders of splits around the classes: parts of a download hold a folder of their own name.
MOST_SPLITS = 2


def is_own(folder: Path) -> bool:
    """Does it have one of the forms above: both classes, or one of them under its plain name?"""
    names = list(_list_classes(folder))
    return bool({"real", "fake"}.intersection(names)) or {parse_label(name) for name in names} == {0, 1}


def make_key(name: str) -> str:
    """The dataset's key: the folder's or table's name in lower case, everything but letters and digits as "_"."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_") or "own"


def scan(root: Path, key: str, domain_id: int) -> Scanned:
    # A folder "masks" may hold images of masked faces.
    kinds: tuple[Kind, ...] = ("image", "audio", "video")
    scanned = read_tree(key, walk(root), _read, kinds=kinds, domain_id=domain_id, mask_folders=())
    scanned.conflicts.extend(_find_other_classes(key, scanned))
    return scanned


def make_facts(kind: Kind, label: int, **known: object) -> Facts:
    """An image or audio file has one modality, which its label describes; a fake video's fake modality is unknown."""
    part = {"image": "video_fake", "audio": "audio_fake"}.get(kind)
    return Facts(label=label, **({part: bool(label)} if part else {}), **known)  # type: ignore[arg-type]


def _list_classes(folder: Path, depth: int = 0) -> Iterator[str]:
    """Folded names of folders that give a class, directly in `folder` or in its folders of splits."""
    for path in list_folders(folder):
        name = fold(path.name)
        if parse_label(name) is not None:
            yield name
        elif depth < MOST_SPLITS and (parse_split(name) is not None or (depth and names_media(name))):
            yield from _list_classes(path, depth + 1)


def _read(file: File) -> Facts | str:
    split: Split | None = None
    for number, name in enumerate(file.folders[: MOST_SPLITS + 1], 1):
        label = parse_label(name)
        if label is not None:
            # Without a split above the class, the folders of the class may be splits.
            inner = split or next((parse_split(below) for below in file.folders[number : number + 1]), None)
            return make_facts(file.kind, label, official_split=inner)
        found = parse_split(name)
        if found is None and not (split and names_media(name)):
            break
        split = split or found
    return NO_CLASS


def _find_other_classes(key: str, scanned: Scanned) -> Iterator[Conflict]:
    """A conflict per folder whose media are left out because its name gives no class."""
    left_out = [one.path for one in scanned.ignored if one.reason == NO_CLASS and split_suffix(one.path)[1] in KINDS]
    for folder, count in sorted(Counter(path.rpartition("/")[0] or "." for path in left_out).items()):
        problem = f"{count} media files are left out: the folder's name says neither real nor fake"
        yield Conflict(key, folder, problem, "Rename it to real or fake, or list the files in a table")
