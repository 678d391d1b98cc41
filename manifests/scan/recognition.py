"""What is this folder? Content goes before names: any download may be called "archive (1)"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets import custom_folder as own
from unmask.manifests.datasets import custom_table as table
from unmask.manifests.datasets.file_tree import list_entries, list_folders
from unmask.manifests.datasets.folder_names import normalize_name, strip_additions
from unmask.manifests.datasets.outline import SURE, Outline, draw_outline
from unmask.manifests.findings import Conflict, escape_non_utf8

# Folders that hold nothing but one folder: an archive that was unpacked into a folder of its own name.
MOST_WRAPPERS = 3
# Folders per folder that are searched for a hint, when nothing was found.
MOST_SEARCHED = 50
NAMES_SHOWN = 4
# Names that say nothing about a dataset.
GENERIC = {
    "archive",
    "dataset",
    "data",
    "media",
    "files",
    "images",
    "videos",
    "audio",
    "download",
    "downloads",
    "input",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A folder or table that is a dataset, or the two datasets that share a folder."""

    place: Path
    keys: tuple[str, ...] = ()
    """Keys of LAYOUTS; empty for one of the user's own."""
    name: str = ""
    """What the user's own dataset is called after."""


def list_candidates(root: Path) -> list[Candidate]:
    """The datasets in the folder `root`: itself, or those in its folders and one level deeper, and tables."""
    itself = recognize_itself(root)
    folders = [(folder, recognize(folder)) for folder in list_folders(root)]
    known = [found for _, found in folders if found and found.keys]
    if itself:
        others = [found for found in known if is_sure(found) and not set(found.keys) & set(itself)]
        if not others:
            return [Candidate(root, itself)]
        # Its folders lie loose beside other datasets: each alone would be half of it.
        folders = [(folder, one) for folder, one in folders if not one or not set(one.keys) & set(itself)]
    if not known:
        by_name = _find_exact_name(root.resolve())
        if by_name and not itself:
            return [Candidate(root, by_name)]
        if own.is_own(root):
            return [Candidate(root, name=_name_root(root.resolve())), *_list_tables(root)]
    found = [one for folder, one in folders for one in ([one] if one else _descend(folder))]
    return found + _list_tables(root)


def recognize_itself(root: Path) -> tuple[str, ...]:
    """The known dataset that `root` itself is, by what lies directly in it."""
    outline = draw_outline(root)
    return _choose({key: layout.match(outline) for key, layout in LAYOUTS.items()}, [root.resolve()])


def recognize(folder: Path, *, by_name: bool = True) -> Candidate | None:
    """The dataset that `folder` is. `by_name`: the name of a known dataset is enough."""
    levels = _unwrap(folder)
    for outline in levels:
        scores = {key: layout.match(outline) for key, layout in LAYOUTS.items()}
        keys = _choose(scores, [level.root for level in levels])
        if keys:
            return Candidate(folder, keys)
    if by_name and (keys := _find_exact_name(folder)):
        return Candidate(folder, keys)
    for number, level in enumerate(levels):
        if own.is_own(level.root):
            return Candidate(level.root, name=_choose_name([one.root.name for one in levels[number::-1]]))
    return None


def is_sure(found: Candidate) -> bool:
    return any(LAYOUTS[key].match(level) == SURE for key in found.keys for level in _unwrap(found.place))


def has_name(key: str, folder: Path) -> bool:
    """Has `folder` a name of the dataset `key` that is not everybody's?"""
    names = {normalize_name(name) for name in LAYOUTS[key].names} - set(map(normalize_name, LAYOUTS[key].generic))
    stripped = {strip_additions(name) for name in LAYOUTS[key].names if name not in LAYOUTS[key].generic}
    return normalize_name(folder.name) in names or strip_additions(folder.name) in stripped


def describe_wrong_name(key: str, place: Path) -> list[Conflict]:
    """A conflict when the folder has the name of another known dataset, but not its content.

    Names that every download may have count only where the content is of no known dataset.
    """
    others = [
        other
        for other, layout in LAYOUTS.items()
        if key not in _with_family([other], LAYOUTS)
        and place.is_dir()
        and strip_additions(place.name)
        in {strip_additions(name) for name in layout.names if key not in LAYOUTS or name not in layout.generic}
    ]
    used = f"read as {key}" if key in LAYOUTS else f"read as a dataset of your own, {key}"
    problem = f"its name is one of {others[0]}, but its content is not; {used}" if others else ""
    return [Conflict(key, ".", problem, "Rename the folder if this is right")] if others else []


def describe_surroundings(root: Path) -> str:
    """Why nothing is found in `root`: it lies inside a dataset, or its folders name no class; "" for neither."""
    above = recognize(root.absolute().parent, by_name=False)
    if above and above.keys:
        return f"; it is a part of {above.keys[0]} in {root.absolute().parent}"
    folders = [(folder.name, [inner.name for inner in list_folders(folder)]) for folder in list_folders(root)]
    listed = [f"{name} holds {', '.join(inner[:NAMES_SHOWN])}" for name, inner in folders if len(inner) > 1]
    return f"; no folder says real or fake: {'; '.join(listed[:NAMES_SHOWN])}" if listed else ""


def find_deeper(root: Path, levels: int = 2) -> list[tuple[Path, list[str]]]:
    """Folders below `root` that hold datasets too deep for a scan of `root`, with the names of these datasets."""
    found: dict[Path, list[str]] = {}
    folders = list(list_folders(root))[:MOST_SEARCHED]
    for folder in folders:
        for one in list_candidates(folder):
            found.setdefault(one.place.parent, []).extend(one.keys or (own.make_key(one.name),))
    if found or levels == 1:
        return list(found.items())
    return [one for folder in folders for one in find_deeper(folder, levels - 1)]


def _descend(folder: Path) -> Iterator[Candidate]:
    """Datasets one level deeper; there a name alone is not enough."""
    for inner in list_folders(folder):
        found = recognize(inner, by_name=False)
        if found:
            name = found.name and _choose_name([found.name, folder.name])
            yield Candidate(found.place, found.keys, name)
    yield from _list_tables(folder)


def _unwrap(folder: Path) -> list[Outline]:
    """`folder`, and the folder in it as long as there is only one."""
    levels = [draw_outline(folder)]
    while len(levels) <= MOST_WRAPPERS and len(levels[-1].top) == 1:
        inner = next(list_folders(levels[-1].root), None)
        if inner is None:
            break
        levels.append(draw_outline(inner))
    return levels


def _choose(scores: Mapping[str, int], folders: Iterable[Path]) -> tuple[str, ...]:
    """The dataset whose name a folder has, if the content may be it; else the first whose content it surely is."""
    folders = list(folders)
    named = [key for key, score in scores.items() if score and any(has_name(key, folder) for folder in folders)]
    keys = named or [key for key, score in scores.items() if score == SURE]
    return _with_family(keys, scores if named else dict.fromkeys(keys, SURE))


def _find_exact_name(folder: Path) -> tuple[str, ...]:
    name = normalize_name(folder.name)
    known = [
        key
        for key, layout in LAYOUTS.items()
        if name in {normalize_name(one) for one in layout.names if one not in layout.generic}
    ]
    return _with_family(known, LAYOUTS)


def _with_family(keys: list[str], among: Iterable[str]) -> tuple[str, ...]:
    """The first of `keys` and the datasets `among` that share its folder: both of DEEP-VOICE have the same names."""
    return tuple(key for key in among if LAYOUTS[key].names == LAYOUTS[keys[0]].names) if keys else ()


def _choose_name(names: list[str]) -> str:
    """The innermost name that says something; the outermost where none does."""
    return next((name for name in names if strip_additions(name) not in GENERIC), names[-1])


def _name_root(root: Path) -> str:
    """A snapshot of a hub is called after its hash: <repository>/snapshots/<hash>."""
    return root.parent.parent.name if root.parent.name == "snapshots" else root.name


def _list_tables(folder: Path) -> list[Candidate]:
    names = sorted(entry.name for entry in list_entries(folder) or () if escape_non_utf8(entry.name) == entry.name)
    return [Candidate(folder / name, name=Path(name).stem) for name in names if table.is_table(folder / name)]
