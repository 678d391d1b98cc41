"""Face images cropped from DFD's videos.

    dfd_faces/{train,val,test}/{fake,real}/**/<name of the video>_faceNNNN.{jpg,png}
    dfd_faces/{train,val,test}/{fake,real}/**/<name of the video>/NNNN.{jpg,png}

Names: see dfd_names.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from unmask.manifests.datasets import dfd_names
from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, find_label, find_split, read_tree
from unmask.manifests.datasets.file_tree import walk


def scan(root: Path) -> Scanned:
    return read_tree("dfd_faces", walk(root), _read, kinds=("image",))


def _read(file: File) -> Facts | str:
    label, split = find_label(file.folders), find_split(file.folders)
    if label is None or split is None:
        return "not in train/, val/ or test/, real/ or fake/"
    folder = file.path.lower().split("/")[-2]  # not through `fold`: underscores are what its parts lie between
    facts = dfd_names.parse_facts(file, label, file.stem, folder)
    return replace(facts, official_split=split, key=facts.key and f"{folder}/{facts.key}")


# The folders train, val and test are undocumented, and the same actors are in datasets without a split (dff,
# faceforensics): following the folders would leave most files of all three in no split.
LAYOUT = Layout(key="dfd_faces", names=("dfd_faces",), scan=scan, official_binds=False)
