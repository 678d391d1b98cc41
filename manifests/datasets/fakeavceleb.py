"""FakeAVCeleb v1.2 (Khalid et al., 2021): 500 / 500 / 9,709 / 10,835 clips of 500 identities.

    FakeAVCeleb/[FakeAVCeleb_v1.2/[FakeAVCeleb_v1.2/]]
        RealVideo-RealAudio/<race>/<gender>/<idNNNNN>/*.mp4
        RealVideo-FakeAudio/..., FakeVideo-RealAudio/..., FakeVideo-FakeAudio/...
        meta_data.csv
    or flat: FakeAVCeleb/videos/*.mp4 with meta_data.csv

Without the list the folders give everything but the exact method. The list's header has 9 names but its lines 10
values: `path` holds the file name, the unnamed last column its folder; "-" means none. The same file name is listed
under several types, and may be listed for several identities of one type (it numbers their recordings), so a line is
found by type, file name and source.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, read_tree
from unmask.manifests.datasets.file_tree import Tree, fold, walk
from unmask.manifests.datasets.outline import NO, SURE, Match, Outline
from unmask.manifests.datasets.tables.lines import MOST_PROBLEMS, read_list_text
from unmask.manifests.findings import Conflict, Refused, Trouble, as_trouble

LIST = "meta_data.csv"
NEEDED = ("source", "method", "type", "path")
REAL = "realvideorealaudio"
CATEGORIES = {REAL: "a", "realvideofakeaudio": "b", "fakevideorealaudio": "c", "fakevideofakeaudio": "d"}
RESTORE = "Restore the list of the archive"
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
    """One line."""

    type: str
    method: str
    people: tuple[str, ...]
    """The source first, then the identities whose face or voice was inserted."""


@dataclass(slots=True)
class ClipList:
    """The whole list; empty where it is missing or unusable."""

    entries: dict[str, dict[str, tuple[Entry, ...]]] = field(default_factory=dict)
    """Lower-case file name -> folded type -> its lines."""
    conflicts: list[Conflict] = field(default_factory=list)
    path: str | None = None
    """None: there is no list."""


def scan(root: Path) -> Scanned:
    tree = walk(root)
    listed = read_list(tree)
    scanned = read_tree("fakeavceleb", tree, lambda file: _read(file, listed), kinds=("video",), lists=(LIST,))
    scanned.conflicts.extend(listed.conflicts)
    if scanned.rows:
        scanned.conflicts.extend(_find_absent(listed, [row.path for row in scanned.rows]))
    return scanned


def _find_absent(listed: ClipList, paths: list[str]) -> list[Conflict]:
    """A conflict when the list is missing, or lists clips that are not among `paths`."""
    if listed.path is None:
        problem = f"{LIST} is missing, so methods and identities come from folders and file names alone"
        return [Conflict("fakeavceleb", ".", problem, "Restore it from the archive")]
    present = {(_find_type(parts), _find_person(parts), name) for *parts, name in map(_split_path, paths)}
    entries = [
        (kind, name, entry.people[:1])
        for name, of_type in listed.entries.items()
        for kind, entries in of_type.items()
        for entry in entries
    ]
    absent = [
        f"{kind}/{'/'.join((*person, name))}"
        for kind, name, person in entries
        # A flat copy has neither the folder of the type nor that of the identity.
        if present.isdisjoint({(found, who, name) for found in (kind, None) for who in (*person, None)})
    ]
    if not absent:
        return []
    problem = f"{len(absent)} of the {len(entries)} clips listed in {LIST} are missing, such as {absent[0]}"
    return [Conflict("fakeavceleb", ".", problem, "Unpack the archive again")]


def _split_path(path: str) -> list[str]:
    """Folded folders and lower-case file name."""
    *folders, name = path.split("/")
    return [*map(fold, folders), name.lower()]


def _find_type(folders: Sequence[str]) -> str | None:
    return next((name for name in reversed(folders) if name in TYPES), None)


def _find_person(folders: Sequence[str]) -> str | None:
    return next((name for name in reversed(folders) if _PERSON.fullmatch(name)), None)


def _read(file: File, listed: ClipList) -> Facts | Refused:
    of_name = listed.entries.get(file.name, {})
    folder = _find_type(file.folders)
    if folder is None and len(of_name) != 1:
        known = f"{LIST} lists it under several types" if of_name else f"{LIST} does not list it"
        return Refused(f"not in a folder of one of the four types, and {known}", "Keep the archive's folders")
    kind = folder or next(iter(of_name))
    person = _find_person(file.folders)
    lines = [entry for entry in of_name.get(kind, ()) if person in (None, *entry.people[:1])]
    video_fake, audio_fake = TYPES[kind]
    # In a flat copy the file may match several identities: keep all of them apart.
    people = dict.fromkeys(name for entry in lines for name in entry.people) or _parse_identities(file)
    return Facts(
        label=int(video_fake or audio_fake),
        method=_find_method(file.stem, kind, lines),
        video_fake=video_fake,
        audio_fake=audio_fake,
        people=tuple(f"fakeavceleb:{name}" for name in people),
        key=f"{kind}/{person}/{file.stem}",
        trouble=None if lines or not listed.entries else Trouble(_describe_mismatch(of_name, kind), RESTORE),
    )


def _describe_mismatch(of_name: dict[str, tuple[Entry, ...]], kind: str) -> str:
    """Why no line of the list matches the file."""
    if not of_name:
        return f"{LIST} does not list it; its folder and name are used"
    if kind not in of_name:
        types = sorted({entry.type for lines in of_name.values() for entry in lines})
        return f"{LIST} lists it only as {', '.join(types)}; the folder is used"
    people = sorted({name for entry in of_name[kind] for name in entry.people[:1]})
    return f"{LIST} lists it only for {', '.join(people)}; the folder is used"


def _parse_identities(file: File) -> dict[str, None]:
    """Source from the folder, donor from the file name."""
    names = [name for name in file.folders if _PERSON.fullmatch(name)] + _PERSON.findall(file.stem)
    return dict.fromkeys(names)


def _find_method(stem: str, kind: str, lines: Sequence[Entry]) -> str:
    listed = {entry.method for entry in lines} - {"real", "unknown"}
    if len(listed) == 1:
        return listed.pop()
    if kind == "realvideofakeaudio":
        return "rtvc"  # the only method of this type
    found = [method for token, method in _TOKENS.items() if token in stem]
    return "-".join(dict.fromkeys(found)) or "unknown"


def read_list(tree: Tree) -> ClipList:
    """The list nearest to the root of `tree`; copies with doubled folders have several."""
    paths = [path for path in tree.files if path.rpartition("/")[2].lower() == LIST]
    found = ClipList()
    for path in sorted(paths, key=lambda path: (path.count("/"), path))[:1]:
        found.path = path
        try:
            _read_lines(path, read_list_text(tree.root / path), found)
        except csv.Error as error:
            found.entries.clear()
            _add_conflict(found, path, f"cannot be read ({error}), so folders and names are used")
        except Exception as error:
            found.entries.clear()
            trouble = as_trouble(error, tree.root / path, "folders and names are used")
            found.conflicts.append(Conflict("fakeavceleb", path, *trouble))
    return found


def _read_lines(path: str, text: str, found: ClipList) -> None:
    lines = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip().lower() for name in next(lines, [])]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        return _add_conflict(found, path, f"no column {', '.join(missing)}, so folders and names are used")
    for values in lines:
        line = {name: value.strip() for name, value in zip(header, values, strict=False)}
        problem = _add_line(line, found) if any(line.values()) else None
        if problem:
            _add_conflict(found, path, f"line {lines.line_num}: {problem}")
        if len(found.conflicts) >= MOST_PROBLEMS:
            return _add_conflict(found, path, "more wrong lines follow, and are not read")
    return None


def _add_line(line: dict[str, str], found: ClipList) -> str | None:
    """Add one line; returns its problem or None. In a line that contradicts itself, the type decides."""
    kind = fold(line.get("type", ""))
    if kind not in CATEGORIES or not line.get("path"):
        return "no file name, or a type that is not one of the four"
    people = (line.get(name, "-").lower() for name in ("source", "target1", "target2"))
    named = tuple(dict.fromkeys(person for person in people if person not in ("-", "")))
    entry = Entry(line["type"], line.get("method", "").lower() or "unknown", named)
    of_type = found.entries.setdefault(line["path"].lower(), {})
    others = of_type.get(kind, ())
    if entry in others:
        return None
    of_type[kind] = (*others, entry)
    if any(other.people[:1] == entry.people[:1] for other in others):
        return f"{line['path']} of {line['source']} is listed twice as {entry.type} with different values"
    if (entry.method == "real") != (kind == REAL):
        return f"type {entry.type}, but method {entry.method}"
    if line.get("category", "").lower() not in ("", CATEGORIES[kind]):
        return f"type {entry.type}, but category {line['category']}"
    return None


def _add_conflict(found: ClipList, path: str, problem: str) -> None:
    found.conflicts.append(Conflict("fakeavceleb", path, problem, RESTORE))


def _fits(outline: Outline) -> Match:
    if outline.top & TYPES.keys():
        return SURE
    # A flat copy: its list stands beside its videos.
    tree = Tree(outline.root, [name for name in outline.folders.get((), ()) if name == LIST])
    return SURE if tree.files and read_list(tree).entries else NO


LAYOUT = Layout(
    key="fakeavceleb",
    names=("FakeAVCeleb", "FakeAVCeleb_v1.2", "FakeAVCeleb_v1"),
    scan=scan,
    fits=_fits,
)
