"""Celeb-DF v2 (Li et al., CVPR 2020): 590 + 300 reals, 5,639 fakes of 59 people.

    Celeb-DF-v2/
        Celeb-real/idA_NNNN.mp4
        YouTube-real/NNNNN.mp4
        Celeb-synthesis/idT_idS_NNNN.mp4        background of T, face of S
        List_of_testing_videos.txt              518 lines `<label> <path>`, where 1 is real and 0 is fake

Only a test list is published. What is not on it counts as training material, which is how everybody uses it; it shares
most people with the list, so the default scheme trains only on the rest of it.
"""

from __future__ import annotations

import re
from pathlib import Path

from manifests.item import Split
from manifests.layouts.layout import Facts, File, Layout, Scanned, read_tree
from manifests.layouts.tree import Tree, fold, walk

LIST = "list_of_testing_videos.txt"
FOLDERS = {"celebreal": 0, "youtubereal": 0, "celebsynthesis": 1}
METHOD = "celeb-synthesis"

_REAL = re.compile(r"(id\d+)_(\d+)")
_FAKE = re.compile(r"(id\d+)_(id\d+)_(\d+)")

Listed = dict[tuple[str, str], int]
"""(folded folder, lower-case file name) -> label, 1 fake."""


def scan(root: Path) -> Scanned:
    tree = walk(root)
    listed, problems = _test_list(tree)
    scanned = read_tree("celeb_df", tree, lambda file: _read(file, listed), kinds=("video",), lists=(LIST,))
    present = {
        (_folder(tuple(fold(part) for part in row.path.split("/")[:-1])), _name(row.path)) for row in scanned.rows
    }
    absent = sum(key not in present for key in listed)
    if absent and scanned.rows:
        problems.append(
            f"{root}: {absent} of the {len(listed)} videos on {LIST} are not there. Unpack the archive again"
        )
    scanned.problems.extend(problems)
    return scanned


def _read(file: File, listed: Listed) -> Facts | str:
    folder = _folder(file.folders)
    if folder is None:
        return "not in Celeb-real/, YouTube-real/ or Celeb-synthesis/"
    label = FOLDERS[folder]
    people, sources = _people(file.stem, folder)
    official: Split | None = None
    if listed:
        official = "test" if (folder, file.name) in listed else "train"
    problem = None
    if listed.get((folder, file.name), label) != label:
        problem = f"{LIST} says the opposite of its folder; the folder was believed. Unpack the archive again"
    elif not sources:
        problem = "its name is not one of Celeb-DF's, so nothing keeps its people apart. Restore the original name"
    return Facts(
        label=label,
        method=METHOD,
        video_fake=bool(label),
        people=people,
        sources=sources,
        official_split=official,
        problem=problem,
    )


def _people(stem: str, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """People and recordings of one video; both empty where the name does not tell."""
    fake, real = _FAKE.fullmatch(stem), _REAL.fullmatch(stem)
    if folder == "celebsynthesis" and fake:
        return (f"celeb:{fake[1]}", f"celeb:{fake[2]}"), (f"celeb:{fake[1]}_{fake[3]}",)
    if folder == "celebreal" and real:
        return (f"celeb:{real[1]}",), (f"celeb:{stem}",)
    if folder == "youtubereal" and stem.isdecimal():
        return (), (f"celeb:youtube-{stem}",)
    return (), ()


def _test_list(tree: Tree) -> tuple[Listed, list[str]]:
    paths = [tree.root / path for path in tree.files if _name(path) == LIST]
    listed: Listed = {}
    problems: list[str] = []
    for number, line in enumerate(_lines(paths[0]) if paths else [], 1):
        published, _, path = line.strip().partition(" ")
        parts = path.strip().replace("\\", "/").split("/")
        if published not in ("0", "1") or len(parts) < 2:
            problems.append(f"{paths[0]}, line {number}: not `<0 or 1> <folder>/<file>`. Restore it from the archive")
            continue
        listed[fold(parts[-2]), parts[-1].lower()] = 1 - int(published)  # published the other way round: 1 is real
    return listed, problems


def _lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def _folder(folders: tuple[str, ...]) -> str | None:
    return next((name for name in reversed(folders) if name in FOLDERS), None)


def _key(path: str) -> tuple[str | None, str]:
    return _folder(tuple(fold(part) for part in path.split("/")[:-1])), _name(path)


def _name(path: str) -> str:
    return path.rpartition("/")[2].lower()


LAYOUT = Layout(
    key="celeb_df",
    names=("Celeb-DF-v2", "Celeb-DF", "celebdf", "Celeb V2", "Celeb-DF-v1"),
    scan=scan,
    marks=("celebsynthesis", "celebreal"),
)
