"""The files that `predict` is asked about: files, folders and patterns as typed."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from unmask.manifests.datasets.file_tree import walk
from unmask.media.media_kind import find_kind

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
WILDCARDS = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class InputFiles:
    files: list[str]
    """In the order of the names that stand for them."""
    skipped: int = 0
    """Files in folders that are not media."""


def find_files(names: Iterable[str]) -> InputFiles:
    """`expand_files`, with the number of files that were left out of folders."""
    found = [_expand(name) for name in names]
    return InputFiles([file for one in found for file in one.files], sum(one.skipped for one in found))


def expand_files(names: Iterable[str]) -> list[str]:
    """The files of folders (with all folders below) and of patterns such as "clips/**/*.mp4", sorted, in place of them.

    A name that leads to no file stays as it is: `explain_absence` says why.
    """
    return find_files(names).files


def explain_absence(name: str) -> str | None:
    """Why `name` is no file; None if it is one."""
    if not name:
        return "vanished: an empty name"
    if Path(name).is_file():
        return None
    if URL.match(name):
        return "refused: a URL, not a file; download it and give the path of the file"
    if Path(name).is_dir():
        return "refused: no image, audio or video file in this folder"
    if WILDCARDS.search(name):
        return "vanished: no file matches this pattern"
    return "vanished: no such file"


def _expand(name: str) -> InputFiles:
    if not name:  # of a variable of the shell that is not set: `Path` would take it for the folder one is in
        return InputFiles([name])
    if Path(name).is_dir():
        found = _list_media(Path(name))
        return found if found.files else InputFiles([name], found.skipped)
    if Path(name).exists() or URL.match(name) or not WILDCARDS.search(name):
        return InputFiles([name])
    paths = [Path(path) for path in sorted(glob.glob(name, recursive=True))]  # noqa: PTH207 (also absolute patterns)
    # A pattern that matches files ("clips/**") means these, not once more the folders that hold them.
    if files := [str(path) for path in paths if path.is_file()]:
        return InputFiles(files)
    listed = [_list_media(path) for path in paths]
    return InputFiles([file for one in listed for file in one.files] or [name], sum(one.skipped for one in listed))


def _list_media(folder: Path) -> InputFiles:
    """Media files below `folder`; none that are hidden, nor in a folder that is hidden or of the system."""
    paths = [folder / name for name in walk(folder).files]
    media = sorted(str(path) for path in paths if find_kind(path, path.suffix.lower()))
    return InputFiles(media, len(paths) - len(media))
