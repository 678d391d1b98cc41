"""FakeAVCeleb's meta_data.csv: who, by which method, of which type, for each clip.

Its header has 9 names but its lines 10 values: `path` holds the file name, the unnamed last column its folder; "-"
means none. The same file name is under several types, and may be under several people of one type (it numbers their
recordings), so a line is found by type, file name and source.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field

from unmask.manifests.datasets.file_tree import Tree, fold
from unmask.manifests.findings import Conflict

LIST = "meta_data.csv"
NEEDED = ("source", "method", "type", "path")
REAL = "realvideorealaudio"
CATEGORIES = {REAL: "a", "realvideofakeaudio": "b", "fakevideorealaudio": "c", "fakevideofakeaudio": "d"}
RESTORE = "Restore the list of the archive"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    type: str
    method: str
    people: tuple[str, ...]
    """The source first, then whose face or voice it was given."""


@dataclass(frozen=True, slots=True)
class AvList:
    """The whole list; empty where there is none or it cannot be used."""

    entries: dict[str, dict[str, tuple[Entry, ...]]] = field(default_factory=dict)
    """Lower-case file name -> folded type -> its lines."""
    conflicts: list[Conflict] = field(default_factory=list)


def read_list(tree: Tree) -> AvList:
    """The list nearest to the root of `tree`; copies with doubled folders have several."""
    paths = [path for path in tree.files if path.rpartition("/")[2].lower() == LIST]
    found = AvList()
    for path in sorted(paths, key=lambda path: (path.count("/"), path))[:1]:
        try:
            text = (tree.root / path).read_text(encoding="utf-8-sig", errors="replace")
            _read(path, text, found)
        except (OSError, csv.Error) as error:
            problem = error.strerror if isinstance(error, OSError) else str(error)
            _tell(found, path, f"cannot be read ({problem}), so folders and names were believed")
    return found


def _read(path: str, text: str, found: AvList) -> None:
    lines = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip().lower() for name in next(lines, [])]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        return _tell(found, path, f"no column {', '.join(missing)}, so folders and names were believed")
    for values in lines:
        line = {name: value.strip() for name, value in zip(header, values, strict=False)}
        problem = _take(line, found) if any(line.values()) else None
        if problem:
            _tell(found, path, f"line {lines.line_num}: {problem}")
    return None


def _take(line: dict[str, str], found: AvList) -> str | None:
    """Add one line; what is wrong with it, None for a good one. A line that contradicts itself counts by its type."""
    kind = fold(line.get("type", ""))
    if kind not in CATEGORIES or not line.get("path"):
        return "no file name, or not one of the four types"
    people = (line.get(name, "-").lower() for name in ("source", "target1", "target2"))
    named = tuple(dict.fromkeys(person for person in people if person not in ("-", "")))
    entry = Entry(line["type"], line.get("method", "").lower() or "unknown", named)
    of_type = found.entries.setdefault(line["path"].lower(), {})
    others = of_type.get(kind, ())
    if entry in others:
        return None
    of_type[kind] = (*others, entry)
    if any(other.people[:1] == entry.people[:1] for other in others):
        return f"{line['path']} of {line['source']} is listed twice as {entry.type}, differently"
    if (entry.method == "real") != (kind == REAL):
        return f"type {entry.type}, but method {entry.method}"
    if line.get("category", "").lower() not in ("", CATEGORIES[kind]):
        return f"type {entry.type}, but category {line['category']}"
    return None


def _tell(found: AvList, path: str, problem: str) -> None:
    found.conflicts.append(Conflict("fakeavceleb", path, problem, RESTORE))
