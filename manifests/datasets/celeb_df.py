"""Celeb-DF v2 (Li et al., CVPR 2020): 590 + 300 reals, 5,639 fakes of 59 identities.

    Celeb-DF-v2/
        Celeb-real/idA_NNNN.mp4
        YouTube-real/NNNNN.mp4
        Celeb-synthesis/idT_idS_NNNN.mp4        background of T, face of S
        List_of_testing_videos.txt              518 lines `<label> <path>`, where 1 is real and 0 is fake

Only a test list is published. Videos that are not on it count as train, which is common practice; most of them share
identities with the list, so the default scheme trains only on those that do not.
"""

from __future__ import annotations

import re
from pathlib import Path

from unmask.manifests.datasets.base import Facts, File, Layout, Scanned, read_tree
from unmask.manifests.datasets.file_tree import Tree, fold, walk
from unmask.manifests.datasets.tables.lines import MOST_PROBLEMS, UnreadableTable, read_list_text
from unmask.manifests.findings import Conflict, Trouble, as_trouble
from unmask.manifests.manifest import Split

LIST_NAME = "List_of_testing_videos.txt"
LIST = LIST_NAME.lower()
FOLDERS = {"celebreal": 0, "youtubereal": 0, "celebsynthesis": 1}
METHOD = "celeb-synthesis"

_REAL = re.compile(r"(id\d+)_(\d+)")
_FAKE = re.compile(r"(id\d+)_(id\d+)_(\d+)")

Listed = dict[tuple[str, str], int]
"""(folded folder, lower-case file name) -> label, 1 fake."""


def scan(root: Path) -> Scanned:
    tree = walk(root)
    listed, conflicts = _read_test_list(tree)
    scanned = read_tree("celeb_df", tree, lambda file: _read(file, listed), kinds=("video",), lists=(LIST,))
    if scanned.rows and not _find_lists(tree):
        problem = f"{LIST_NAME} is missing, so the official test videos are unknown"
        conflicts.append(Conflict("celeb_df", ".", problem, "Restore it from the archive"))
    if listed and scanned.rows:
        present = {_make_key(row.path) for row in scanned.rows}
        absent = [key for key in listed if key not in present]
        if absent:
            problem = f"{len(absent)} of the {len(listed)} listed videos are missing, such as {'/'.join(absent[0])}"
            conflicts.append(Conflict("celeb_df", _find_lists(tree)[0], problem, "Unpack the archive again"))
    scanned.conflicts.extend(conflicts)
    return scanned


def _read(file: File, listed: Listed) -> Facts | str:
    folder = _find_folder(file.folders)
    if folder is None:
        return "not in Celeb-real/, YouTube-real/ or Celeb-synthesis/"
    label = FOLDERS[folder]
    people, sources = _parse_identities(file.stem, folder)
    official: Split | None = None
    if listed:
        official = "test" if (folder, file.name) in listed else "train"
    trouble = None
    if listed.get((folder, file.name), label) != label:
        problem = f"{LIST} gives the opposite label of its folder; the folder is used"
        trouble = Trouble(problem, "Unpack the archive again")
    elif not sources:
        problem = "its name is not one of Celeb-DF's, so its identities are unknown and may leak"
        trouble = Trouble(problem, "Restore the original name")
    return Facts(
        label=label,
        method=METHOD,
        video_fake=bool(label),
        people=people,
        sources=sources,
        official_split=official,
        key=f"{folder}/{file.stem}",
        trouble=trouble,
    )


def _parse_identities(stem: str, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Identities and source recordings of one video; both empty where the name does not give them."""
    fake, real = _FAKE.fullmatch(stem), _REAL.fullmatch(stem)
    if folder == "celebsynthesis" and fake:
        return (f"celeb:{fake[1]}", f"celeb:{fake[2]}"), (f"celeb:{fake[1]}_{fake[3]}",)
    if folder == "celebreal" and real:
        return (f"celeb:{real[1]}",), (f"celeb:{stem}",)
    if folder == "youtubereal" and stem.isdecimal():
        return (), (f"celeb:youtube-{stem}",)
    return (), ()


def _read_test_list(tree: Tree) -> tuple[Listed, list[Conflict]]:
    listed: Listed = {}
    conflicts: list[Conflict] = []
    for path in _find_lists(tree)[:1]:
        try:
            conflicts += _read_lines(tree.root, path, listed)
        except UnreadableTable as error:
            listed.clear()
            problem = f"cannot be read ({error}), so the official test videos are unknown"
            conflicts.append(Conflict("celeb_df", path, problem, "Restore it from the archive"))
        except Exception as error:
            listed.clear()
            trouble = as_trouble(error, tree.root / path, "the official test videos are unknown")
            conflicts.append(Conflict("celeb_df", path, *trouble))
    return listed, conflicts


def _read_lines(root: Path, path: str, listed: Listed) -> list[Conflict]:
    """Add the lines of the list at `path`; returns a conflict per line that is none."""
    conflicts: list[Conflict] = []
    for number, line in enumerate(read_list_text(root / path).splitlines(), 1):
        if len(conflicts) >= MOST_PROBLEMS:
            problem = f"from line {number} on it is not read"
            return [*conflicts, Conflict("celeb_df", path, problem, "Restore it from the archive")]
        entry = _parse_line(line)
        if entry:
            listed[entry[:2]] = entry[2]
        elif line.strip():
            problem = f"line {number} is not `<0 or 1> <folder>/<file>`"
            conflicts.append(Conflict("celeb_df", path, problem, "Restore it from the archive"))
    return conflicts


def _parse_line(line: str) -> tuple[str, str, int] | None:
    """Folded folder, lower-case file name and label (1 fake) of one line of the list."""
    published, _, path = " ".join(line.split()).partition(" ")
    parts = path.replace("\\", "/").split("/")
    if published not in ("0", "1") or len(parts) < 2:
        return None
    return fold(parts[-2]), parts[-1].lower(), 1 - int(published)  # the list has 1 for real


def _find_lists(tree: Tree) -> list[str]:
    """Paths of the list, nearest to the root first: copies with doubled folders have several."""
    return sorted((path for path in tree.files if _name(path) == LIST), key=lambda path: (path.count("/"), path))


def _find_folder(folders: tuple[str, ...]) -> str | None:
    return next((name for name in reversed(folders) if name in FOLDERS), None)


def _make_key(path: str) -> tuple[str | None, str]:
    """Key of the video at `path` in the list."""
    return _find_folder(tuple(fold(part) for part in path.split("/")[:-1])), _name(path)


def _name(path: str) -> str:
    return path.rpartition("/")[2].lower()


LAYOUT = Layout(
    key="celeb_df",
    names=("Celeb-DF-v2", "Celeb-DF", "celebdf", "Celeb V2", "Celeb-DF-v1"),
    scan=scan,
    marks=("celebsynthesis", "celebreal", "youtubereal"),
)
