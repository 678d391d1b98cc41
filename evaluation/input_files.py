"""The files that `predict` is asked about: files, folders and patterns as typed."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from pathlib import Path

from unmask.manifests.datasets.file_tree import walk
from unmask.media.media_kind import find_kind

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
WILDCARDS = re.compile(r"[*?\[]")


def expand_files(names: Iterable[str]) -> list[str]:
    """The files of folders (with all folders below) and of patterns such as "clips/**/*.mp4", sorted, in place of them.

    A name that leads to no file stays as it is: `explain_absence` says why.
    """
    return [file for name in names for file in _expand(name)]


def explain_absence(name: str) -> str | None:
    """Why `name` is no file; None if it is one."""
    if Path(name).is_file():
        return None
    if URL.match(name):
        return "refused: a URL, not a file; download it and give the path of the file"
    if Path(name).is_dir():
        return "refused: no image, audio or video file in this folder"
    if WILDCARDS.search(name):
        return "vanished: no file matches this pattern"
    return "vanished: no such file"


def _expand(name: str) -> list[str]:
    if Path(name).is_dir():
        return _list_media(Path(name)) or [name]
    if Path(name).exists() or URL.match(name) or not WILDCARDS.search(name):
        return [name]
    found = [Path(path) for path in sorted(glob.glob(name, recursive=True))]  # noqa: PTH207 (also absolute patterns)
    files = [str(path) for path in found if path.is_file()]
    # A pattern that matches files ("clips/**") means these, not once more the folders that hold them.
    return files or [file for path in found for file in _list_media(path)] or [name]


def _list_media(folder: Path) -> list[str]:
    """Media files below `folder`; none that are hidden, nor in a folder that is hidden or of the system."""
    paths = (folder / name for name in walk(folder).files)
    return sorted(str(path) for path in paths if find_kind(path, path.suffix.lower()))
