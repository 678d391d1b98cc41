"""FakeAVCeleb v1.2 (Khalid et al., 2021): 500 / 500 / 9,709 / 10,835 clips of 500 people.

    FakeAVCeleb/[FakeAVCeleb_v1.2/[FakeAVCeleb_v1.2/]]
        RealVideo-RealAudio/<race>/<gender>/<idNNNNN>/*.mp4
        RealVideo-FakeAudio/..., FakeVideo-RealAudio/..., FakeVideo-FakeAudio/...
        meta_data.csv
    or flat: FakeAVCeleb/videos/*.mp4 with meta_data.csv

meta_data.csv has 9 names but 10 values a line: `path` holds the file name, the unnamed last column its folder; "-"
means none. The same file name is under several types, so the key is (type, file name). Without the list the folders
tell everything but the exact method.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from manifests.layouts.layout import Facts, File, Layout, Scanned, read_tree
from manifests.layouts.tree import Tree, fold, walk

LIST = "meta_data.csv"
NEEDED = ("source", "method", "type", "path")
TYPES = {
    "realvideorealaudio": (False, False),
    "realvideofakeaudio": (False, True),
    "fakevideorealaudio": (True, False),
    "fakevideofakeaudio": (True, True),
}
_PERSON = re.compile(r"id\d{5}")
_TOKENS = {"faceswap": "faceswap", "fsgan": "fsgan", "wav2lip": "wav2lip", "wavtolip": "wav2lip", "rtvc": "rtvc"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of meta_data.csv."""

    type: str
    method: str
    people: tuple[str, ...]


Listed = dict[str, dict[str, Entry]]
"""Lower-case file name -> folded type -> line."""


def scan(root: Path) -> Scanned:
    tree = walk(root)
    listed, problems = _read_list(tree)
    scanned = read_tree("fakeavceleb", tree, lambda file: _read(file, listed), kinds=("video",), lists=(LIST,))
    scanned.problems.extend(problems)
    return scanned


def _read(file: File, listed: Listed) -> Facts | str:
    entries = listed.get(file.name, {})
    folder = next((name for name in reversed(file.folders) if name in TYPES), None)
    kind = folder or (next(iter(entries)) if len(entries) == 1 else None)
    if kind is None:
        return "in no folder of a type, and meta_data.csv does not tell"
    entry, problem = entries.get(kind), None
    if folder and entries and entry is None:
        problem = (
            f"{LIST} has it only as {', '.join(sorted(e.type for e in entries.values()))}; the folder was believed"
        )
    elif folder and listed and not entries:
        problem = f"{LIST} does not list it; its folder and name were believed"
    video_fake, audio_fake = TYPES[kind]
    people = entry.people if entry else _people_in(file)
    return Facts(
        label=int(video_fake or audio_fake),
        method=entry.method if entry and entry.method != "real" else _method_in(file.stem, kind),
        video_fake=video_fake,
        audio_fake=audio_fake,
        people=tuple(f"fakeavceleb:{person}" for person in people),
        problem=problem and f"{problem}. Restore the list of the archive",
    )


def _people_in(file: File) -> tuple[str, ...]:
    """Source from the folder, donor from the file name."""
    names = [name for name in file.folders if _PERSON.fullmatch(name)] + _PERSON.findall(file.stem)
    return tuple(dict.fromkeys(names))


def _method_in(stem: str, kind: str) -> str:
    if kind == "realvideofakeaudio":
        return "rtvc"  # the only method of this type
    found = [method for token, method in _TOKENS.items() if token in stem]
    return "-".join(dict.fromkeys(found)) or "unknown"


def _read_list(tree: Tree) -> tuple[Listed, list[str]]:
    paths = [tree.root / path for path in tree.files if path.rpartition("/")[2].lower() == LIST]
    if not paths:
        return {}, []
    lines = csv.reader(io.StringIO(paths[0].read_text(encoding="utf-8-sig", errors="replace"), newline=""))
    header = [name.strip().lower() for name in next(lines, [])]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        return {}, [f"{paths[0]}: no column {', '.join(missing)}; folders and names were believed. Restore the list"]
    listed: Listed = {}
    problems: list[str] = []
    for number, values in enumerate(lines, 2):
        line = {name: value.strip() for name, value in zip(header, values, strict=False)}
        kind = fold(line.get("type", ""))
        if kind not in TYPES or not line.get("path"):
            problems.append(f"{paths[0]}, line {number}: no file name, or not one of the four types. Restore the list")
            continue
        listed.setdefault(line["path"].lower(), {})[kind] = _entry(line)
    return listed, problems


def _entry(line: dict[str, str]) -> Entry:
    people = (line.get(name, "-").lower() for name in ("source", "target1", "target2"))
    return Entry(line["type"], line["method"].lower(), tuple(dict.fromkeys(p for p in people if p not in ("-", ""))))


LAYOUT = Layout(
    key="fakeavceleb",
    names=("FakeAVCeleb", "FakeAVCeleb_v1.2", "FakeAVCeleb_v1"),
    scan=scan,
    marks=tuple(TYPES),
)
