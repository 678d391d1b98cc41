"""Bytes on disk, also of folders that other processes are writing."""

from __future__ import annotations

import os
from pathlib import Path


def measure_size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder. What disappears meanwhile counts as 0.

    `Path.rglob` raises where a folder was renamed between its parent's listing and its own.
    """
    if not path.is_dir():
        return _measure_file(path)
    walk = os.walk(path, onerror=_raise_unless_gone)
    return sum(_measure_file(Path(folder, name)) for folder, _, names in walk for name in names)


def _measure_file(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | PermissionError):
        raise error
