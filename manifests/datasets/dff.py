"""Videos of DFD (Google and Jigsaw): 363 reals of 28 actors, 3,068 fakes.

    DFF/
        DFD_original sequences/[DFD_original sequences/]NN__<scene>.mp4
        DFD_manipulated_sequences/[DFD_manipulated_sequences/]TT_SS__<scene>__<id>.mp4

or as the official download unpacks, in compressions raw, c23 and c40:

    DFD/
        original_sequences/actors/<c>/videos/NN__<scene>.mp4
        manipulated_sequences/DeepFakeDetection/<c>/videos/TT_SS__<scene>__<id>.mp4
        manipulated_sequences/DeepFakeDetection/masks/videos/*.mp4     masks of the same names

Names: see dfd_names. No official split.
"""

from __future__ import annotations

from pathlib import Path

from unmask.manifests.datasets import dfd_names
from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, read_tree
from unmask.manifests.datasets.file_tree import walk
from unmask.manifests.datasets.outline import NO, POSSIBLE, SURE, Match, Outline

FOLDERS = {
    "dfdoriginalsequences": 0,
    "dfdoriginalsequence": 0,
    "originalsequences": 0,
    "dfdmanipulatedsequences": 1,
    "dfdmanipulatedsequence": 1,
    "manipulatedsequences": 1,
    "real": 0,
    "fake": 1,
}


def scan(root: Path) -> Scanned:
    return read_tree("dff", walk(root), _read, kinds=("video",))


def _read(file: File) -> Facts | str:
    label = next((FOLDERS[name] for name in file.folders if name in FOLDERS), None)
    if label is None:
        return "not in DFD_original sequences/ or DFD_manipulated_sequences/"
    return dfd_names.parse_facts(file, label)


def _fits(outline: Outline) -> Match:
    if any(name.startswith("dfd") and name in FOLDERS for name in outline.top):
        return SURE
    # The official download of DFD, alone or among the other methods of FaceForensics++.
    inner = outline.inside("manipulatedsequences") | outline.inside("originalsequences")
    if inner & {"deepfakedetection", "actors"}:
        return SURE if inner <= {"deepfakedetection", "actors"} else POSSIBLE

    def is_in_place(folders: tuple[str, ...], name: str) -> bool:
        return bool(folders) and folders[0] in FOLDERS and name.endswith((".mp4", ".avi"))

    return SURE if outline.has_names(lambda _, name: dfd_names.is_name(name[:-4]), among=is_in_place) else NO


LAYOUT = Layout(
    key="dff",
    names=("DFF", "DFD", "DeepFakeDetection"),
    scan=scan,
    fits=_fits,
)
