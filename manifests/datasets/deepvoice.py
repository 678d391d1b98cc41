"""DEEP-VOICE (Bird and Lotfi, 2023): two datasets that share their speakers.

    DeepFake_AudioDataset/
        KAGGLE/AUDIO/REAL/<speaker>-original.wav                dataset deepvoice
        KAGGLE/AUDIO/FAKE/<content>-to-<voice>.wav
        KAGGLE/*.csv                                            ignored
        DEMONSTRATION/[DEMONSTRATION/]<speaker>-original-DEMO.mp3      dataset deepvoice_demo
        DEMONSTRATION/[DEMONSTRATION/]<content>-to-<voice>-DEMO.mp3

A fake is the speech of `content` converted to the voice of `voice`. The content may be a speech synthesizer: only names
with an original recording in one of the two datasets are identities.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path, PurePosixPath

from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, find_label, read_tree
from unmask.manifests.datasets.file_tree import Tree, walk
from unmask.manifests.datasets.outline import NO, SURE, Match, Outline
from unmask.manifests.findings import Refused, Trouble

METHOD = "rvc"
NAMES = ("DeepFake_AudioDataset", "DEEP-VOICE", "deepvoice", "deep-voice-deepfake-voice-recognition")

_DEMO = re.compile(r"[-_ ]?demo$")
_REAL = re.compile(r"(.+)-original")
_FAKE = re.compile(r"(.+?)-to-(.+)")


def scan_main(root: Path) -> Scanned:
    tree = walk(root)
    read = partial(_read, known=_find_speakers(tree))
    return read_tree("deepvoice", tree, read, kinds=("audio",), owns=lambda *names: not _is_demo(*names))


def scan_demo(root: Path) -> Scanned:
    tree = walk(root)
    return read_tree(
        "deepvoice_demo", tree, partial(_read, known=_find_speakers(tree)), kinds=("audio",), owns=_is_demo
    )


def _read(file: File, known: frozenset[str]) -> Facts | Refused:
    names = _parse_names(file.stem)
    if names is None:
        return Refused("neither <speaker>-original nor <content>-to-<voice>", "Restore the original name or remove it")
    label = int(len(names) == 2)
    people = tuple(dict.fromkeys(f"deepvoice:{name}" for name in names if name in known or name == names[-1]))
    trouble = None
    if find_label(file.folders) not in (None, label):
        problem = "its name and its folder disagree about the label; the name is used"
        trouble = Trouble(problem, "Move it to the right folder")
    key = "-to-".join(names)
    return Facts(label=label, method=METHOD, audio_fake=bool(label), people=people, key=key, trouble=trouble)


def _parse_names(stem: str) -> tuple[str, ...] | None:
    """(speaker,) of an original, (content, voice) of a conversion; "to" counts only between dashes."""
    stem = _DEMO.sub("", stem)
    real, fake = _REAL.fullmatch(stem), _FAKE.fullmatch(stem)
    if real:
        return (real[1],)
    return (fake[1], fake[2]) if fake else None


def _find_speakers(tree: Tree) -> frozenset[str]:
    """Names with an original recording in one of the two datasets."""
    stems = (PurePosixPath(path).stem.lower() for path in tree.files)
    return frozenset(names[0] for names in map(_parse_names, stems) if names and len(names) == 1)


def _is_demo(folders: tuple[str, ...], stem: str) -> bool:
    return "demonstration" in folders or bool(_DEMO.search(stem))


def _fits(outline: Outline) -> Match:
    def is_in_place(folders: tuple[str, ...], name: str) -> bool:
        begins = folders[:2] == ("kaggle", "audio") or bool({"audio", "real", "fake"}.intersection(folders[:1]))
        return begins and name.endswith((".wav", ".mp3", ".flac"))

    return SURE if outline.has_names(_is_named, among=is_in_place) else NO


def _fits_demo(outline: Outline) -> Match:
    return SURE if outline.has_names(_is_named, among=lambda folders, _: folders[:1] == ("demonstration",)) else NO


def _is_named(folders: tuple[str, ...], name: str) -> bool:
    return _parse_names(name.rpartition(".")[0]) is not None


LAYOUT = Layout(key="deepvoice", names=NAMES, scan=scan_main, fits=_fits)
DEMO_LAYOUT = Layout(key="deepvoice_demo", names=NAMES, scan=scan_demo, fits=_fits_demo)
