"""FaceForensics++ (Rössler et al., ICCV 2019), without sound. The official tree, in compressions raw, c23 and c40:

    FaceForensics++/
        original_sequences/youtube/<c>/videos/TTT.mp4               sequences 000 to 999
        original_sequences/actors/<c>/videos/NN__<scene>.mp4        DFD's reals, see dfd_names
        manipulated_sequences/<method>/<c>/videos/TTT_SSS.mp4       background of TTT, face of SSS
        manipulated_sequences/DeepFakeDetection/<c>/videos/TT_SS__<scene>__<id>.mp4
        manipulated_sequences/<method>/masks/videos/*.mp4           ignored

and the flat copy on Kaggle:

    FaceForensics++_C23/{original,<method>,DeepFakeDetection}/*.mp4
    FaceForensics++_C23/csv/*.csv                                   ignored
"""

from __future__ import annotations

import re
from pathlib import Path

from manifests.layouts import dfd_names
from manifests.layouts.ffpp_lists import official_splits, sources
from manifests.layouts.layout import Facts, File, Layout, Scanned, read_tree
from manifests.layouts.tree import walk

METHODS = ("deepfakes", "face2face", "faceswap", "neuraltextures", "faceshifter")
ORIGINALS = ("youtube", "original", "originals", "originalsequences", "real")
ACTORS = ("actors", "deepfakedetectionoriginal", "deepfakedetectionoriginalsequences")

_REAL = re.compile(r"\d{3}")
_FAKE = re.compile(r"(\d{3})_(\d{3})")


def scan(root: Path) -> Scanned:
    return read_tree("faceforensics", walk(root), _read, kinds=("video",))


def _read(file: File) -> Facts | str:
    if "masks" in file.folders or "mask" in file.folders:
        return "mask"
    for name in reversed(file.folders):
        if name in METHODS:
            return _fake(file.stem, name)
        if name == "deepfakedetection":
            return dfd_names.facts(file.stem, 1)
        if name in ACTORS:
            return dfd_names.facts(file.stem, 0)
        if name in ORIGINALS:
            return _real(file.stem)
    return "not in the folder of a method or of originals"


def _real(stem: str) -> Facts | str:
    if not _REAL.fullmatch(stem):
        return "original whose name is not a sequence 000 to 999"
    return Facts(label=0, video_fake=False, sources=sources(stem), official_split=official_splits().get(stem))


def _fake(stem: str, method: str) -> Facts | str:
    pair = _FAKE.fullmatch(stem)
    if not pair:
        return "fake whose name is not <target>_<source>"
    split = official_splits().get(pair[1])
    return Facts(label=1, method=method, video_fake=True, sources=sources(*pair.groups()), official_split=split)


LAYOUT = Layout(
    key="faceforensics",
    names=("FaceForensics++", "FaceForensics", "FF++", "FaceForensics++_C23", "FaceForensics_C23", "FF++_C23"),
    scan=scan,
    marks=("manipulatedsequences", "originalsequences", "neuraltextures", "face2face"),
)
