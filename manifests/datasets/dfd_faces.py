"""Face images cropped from DFD's videos.

    dfd_faces/{train,val,test}/{fake,real}/**/<name of the video>_faceNNNN.{jpg,png}
    dfd_faces/{train,val,test}/{fake,real}/**/<name of the video>/NNNN.{jpg,png}

Names: see dfd_names.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from unmask.manifests.datasets import dfd_names
from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, find_label, find_split, read_tree
from unmask.manifests.datasets.file_tree import walk
from unmask.manifests.datasets.outline import NO, POSSIBLE, SURE, Match, Outline, is_image

# A folder per video, when `fold` has removed the separators of its name.
_FOLDED = re.compile(r"\d\d(\d\d)?[a-z]{4,}.*")


def scan(root: Path) -> Scanned:
    return read_tree("dfd_faces", walk(root), _read, kinds=("image",))


def _read(file: File) -> Facts | str:
    label, split = find_label(file.folders), find_split(file.folders)
    if label is None or split is None:
        return "not in train/, val/ or test/, real/ or fake/"
    folder = file.path.lower().split("/")[-2]  # not through `fold`: underscores are what its parts lie between
    facts = dfd_names.parse_facts(file, label, file.stem, folder)
    return replace(facts, official_split=split, key=facts.key and f"{folder}/{facts.key}")


def _fits(outline: Outline) -> Match:
    def is_in_place(folders: tuple[str, ...], name: str) -> bool:
        return find_label(folders[1:2]) is not None and find_split(folders[:1]) is not None and is_image(name)

    def is_named(folders: tuple[str, ...], name: str) -> bool:
        return dfd_names.is_name(name.rpartition(".")[0]) or bool(_FOLDED.fullmatch(folders[-1]))

    if outline.has_names(is_named, among=is_in_place):
        return SURE
    return POSSIBLE if outline.has_names(lambda *_: True, among=is_in_place) else NO


# The folders train, val and test are undocumented, and the same actors are in datasets without a split (dff,
# faceforensics): following the folders would leave most files of all three in no split.
LAYOUT = Layout(key="dfd_faces", names=("dfd_faces",), scan=scan, fits=_fits, official_binds=False)
