"""FakeAVCeleb v1.2 (Khalid et al., 2021): 500 / 500 / 9,709 / 10,835 clips of 500 people.

    FakeAVCeleb/[FakeAVCeleb_v1.2/[FakeAVCeleb_v1.2/]]
        RealVideo-RealAudio/<race>/<gender>/<idNNNNN>/*.mp4
        RealVideo-FakeAudio/..., FakeVideo-RealAudio/..., FakeVideo-FakeAudio/...
        meta_data.csv
    or flat: FakeAVCeleb/videos/*.mp4 with meta_data.csv

Without the list (see av_list) the folders tell everything but the exact method.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, read_tree
from unmask.manifests.datasets.fakeavceleb_list import LIST, RESTORE, AvList, Entry, read_list
from unmask.manifests.datasets.file_tree import walk
from unmask.manifests.findings import Refused, Trouble

TYPES = {
    "realvideorealaudio": (False, False),
    "realvideofakeaudio": (False, True),
    "fakevideorealaudio": (True, False),
    "fakevideofakeaudio": (True, True),
}
_PERSON = re.compile(r"id\d{5}")
_TOKENS = {"faceswap": "faceswap", "fsgan": "fsgan", "wav2lip": "wav2lip", "wavtolip": "wav2lip", "rtvc": "rtvc"}


def scan(root: Path) -> Scanned:
    tree = walk(root)
    listed = read_list(tree)
    scanned = read_tree("fakeavceleb", tree, lambda file: _read(file, listed), kinds=("video",), lists=(LIST,))
    scanned.conflicts.extend(listed.conflicts)
    return scanned


def _read(file: File, listed: AvList) -> Facts | Refused:
    of_name = listed.entries.get(file.name, {})
    folder = next((name for name in reversed(file.folders) if name in TYPES), None)
    if folder is None and len(of_name) != 1:
        known = f"{LIST} lists it under several types" if of_name else f"{LIST} does not list it"
        return Refused(f"in no folder of a type, and {known}", "Keep the archive's folders")
    kind = folder or next(iter(of_name))
    person = next((name for name in reversed(file.folders) if _PERSON.fullmatch(name)), None)
    lines = [entry for entry in of_name.get(kind, ()) if person in (None, *entry.people[:1])]
    video_fake, audio_fake = TYPES[kind]
    # A flat copy may leave several people that it can be of: all of them count.
    people = dict.fromkeys(name for entry in lines for name in entry.people) or _people_in(file)
    return Facts(
        label=int(video_fake or audio_fake),
        method=_method(file.stem, kind, lines),
        video_fake=video_fake,
        audio_fake=audio_fake,
        people=tuple(f"fakeavceleb:{name}" for name in people),
        key=f"{kind}/{person}/{file.stem}",
        trouble=None if lines or not listed.entries else Trouble(_disagreement(of_name, kind), RESTORE),
    )


def _disagreement(of_name: dict[str, tuple[Entry, ...]], kind: str) -> str:
    """Why no line of the list is this file's."""
    if not of_name:
        return f"{LIST} does not list it; its folder and name were believed"
    if kind not in of_name:
        types = sorted({entry.type for lines in of_name.values() for entry in lines})
        return f"{LIST} has it only as {', '.join(types)}; the folder was believed"
    people = sorted({name for entry in of_name[kind] for name in entry.people[:1]})
    return f"{LIST} has it only of {', '.join(people)}; the folder was believed"


def _people_in(file: File) -> dict[str, None]:
    """Source from the folder, donor from the file name."""
    names = [name for name in file.folders if _PERSON.fullmatch(name)] + _PERSON.findall(file.stem)
    return dict.fromkeys(names)


def _method(stem: str, kind: str, lines: Sequence[Entry]) -> str:
    listed = {entry.method for entry in lines} - {"real", "unknown"}
    if len(listed) == 1:
        return listed.pop()
    if kind == "realvideofakeaudio":
        return "rtvc"  # the only method of this type
    found = [method for token, method in _TOKENS.items() if token in stem]
    return "-".join(dict.fromkeys(found)) or "unknown"


LAYOUT = Layout(
    key="fakeavceleb",
    names=("FakeAVCeleb", "FakeAVCeleb_v1.2", "FakeAVCeleb_v1"),
    scan=scan,
    marks=tuple(TYPES),
)
