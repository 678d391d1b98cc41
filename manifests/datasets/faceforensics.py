"""FaceForensics++ (Rössler et al., ICCV 2019), without audio. The official tree, in compressions raw, c23 and c40:

    FaceForensics++/
        original_sequences/youtube/<c>/videos/TTT.mp4               sequences 000 to 999
        original_sequences/actors/<c>/videos/NN__<scene>.mp4        DFD's reals, see dfd_names
        manipulated_sequences/<method>/<c>/videos/TTT_SSS.mp4       background of TTT, face of SSS
        manipulated_sequences/DeepFakeDetection/<c>/videos/TT_SS__<scene>__<id>.mp4
        manipulated_sequences/<method>/masks/videos/*.mp4           masks of the same names; not for FaceShifter

and the flat copy on Kaggle:

    FaceForensics++_C23/{original,<method>,DeepFakeDetection}/*.mp4
    FaceForensics++_C23/csv/*.csv                                   ignored

Where no inner folder names the compression level, the dataset's own folder does.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from unmask.manifests.datasets import dfd_names
from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, read_tree
from unmask.manifests.datasets.file_tree import walk
from unmask.manifests.datasets.outline import NO, POSSIBLE, SURE, Match, Outline
from unmask.manifests.findings import Refused
from unmask.manifests.manifest import Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")
METHODS = ("deepfakes", "face2face", "faceswap", "neuraltextures", "faceshifter")
ORIGINALS = ("youtube", "original", "originals", "originalsequences", "real")
ACTORS = ("actors", "deepfakedetectionoriginal", "deepfakedetectionoriginalsequences")

REMEDY = "Restore the original name or remove it: a file of an unknown sequence could leak into other splits"

_REAL = re.compile(r"[0-9]{3}")
_FAKE = re.compile(r"([0-9]{3})_([0-9]{3})")


def scan(root: Path) -> Scanned:
    return read_tree("faceforensics", walk(root), _read, kinds=("video",))


def _read(file: File) -> Facts | Refused | str:
    for name in reversed(file.folders):
        if name in METHODS:
            return _read_fake(file, name)
        if name == "deepfakedetection":
            return dfd_names.parse_facts(file, 1)
        if name in ACTORS:
            return dfd_names.parse_facts(file, 0)
        if name in ORIGINALS:
            return _read_real(file)
    return "not in a folder of a method or of originals"


def _read_real(file: File) -> Facts | Refused:
    if not _REAL.fullmatch(file.stem):
        return Refused("original whose name is not a sequence 000 to 999", REMEDY)
    return Facts(
        label=0,
        video_fake=False,
        sources=make_sources(file.stem),
        official_split=read_official_splits()[file.stem],
        compression=file.compression,
        key=f"original/{file.compression}/{file.stem}",
        scene=f"ffpp:{file.stem}",
    )


def _read_fake(file: File, method: str) -> Facts | Refused:
    pair = _FAKE.fullmatch(file.stem)
    if not pair:
        return Refused("fake whose name is not <target>_<source>, each 000 to 999", REMEDY)
    return Facts(
        label=1,
        method=method,
        video_fake=True,
        sources=make_sources(*pair.groups()),
        official_split=read_official_splits()[pair[1]],
        compression=file.compression,
        key=f"{method}/{file.compression}/{file.stem}",
        scene=f"ffpp:{pair[1]}",
    )


def _fits(outline: Outline) -> Match:
    own = outline.top | outline.inside("manipulatedsequences") | outline.inside("originalsequences")
    if own & {"neuraltextures", "face2face", "faceshifter"}:
        return SURE

    def is_pair(folders: tuple[str, ...], name: str) -> bool:
        return bool(_FAKE.fullmatch(name[:-4]))

    def is_fake(folders: tuple[str, ...], name: str) -> bool:
        method = folders[1:2] if folders[:1] == ("manipulatedsequences",) else folders[:1]
        return name.endswith(".mp4") and any(folder in METHODS for folder in method)

    if "youtube" in outline.inside("originalsequences") or outline.has_names(is_pair, among=is_fake):
        return SURE
    inner = {"manipulatedsequences", "originalsequences", "deepfakedetection", *ACTORS, *METHODS, *ORIGINALS}
    return POSSIBLE if own & inner else NO


@cache
def read_official_splits() -> dict[str, Split]:
    """Sequence ("000" to "999") -> its published split: 720 / 140 / 140."""
    return {sequence: split for split in SPLITS for pair in _load(f"{split}.json") for sequence in pair}


@cache
def read_shared_videos() -> dict[str, str]:
    """Sequence -> first sequence of the same YouTube video, for the 45 that share one (1,000 come from 977 videos)."""
    return {sequence: group[0] for group in _load("same_youtube_video.json") for sequence in group}


def make_sources(*sequences: str) -> tuple[str, ...]:
    """Source keys: the sequences, and the YouTube videos they share with others."""
    keys = [f"ffpp:{sequence}" for sequence in sequences]
    keys += [
        f"ffpp:video-of-{read_shared_videos()[sequence]}" for sequence in sequences if sequence in read_shared_videos()
    ]
    return tuple(dict.fromkeys(keys))


def _load(name: str) -> Any:
    return json.loads(resources.files("unmask.manifests.datasets").joinpath("ffpp", name).read_text(encoding="utf-8"))


LAYOUT = Layout(
    key="faceforensics",
    names=("FaceForensics++", "FaceForensics", "FF++", "FaceForensics++_C23", "FaceForensics_C23", "FF++_C23"),
    scan=scan,
    fits=_fits,
)
