"""Detect damaged folders: `checksums.json`, written last, holds the SHA-256 of every file in the folder."""

from __future__ import annotations

import json
from pathlib import Path

from unmask.core.atomic_files import write_json
from unmask.core.hashing import hash_file

FILE = "checksums.json"


def write_checksums(folder: Path) -> None:
    """Write the checksums of all files in `folder`."""
    write_json(folder / FILE, {name: hash_file(folder / name) for name in _names(folder)})


def find_damage(folder: Path) -> list[str]:
    """Names of files that are missing, added or changed since `seal`; empty if the folder is intact."""
    try:
        sealed: dict[str, str] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [FILE]
    present = _names(folder)
    damaged = set(sealed) ^ set(present)
    damaged |= {name for name in present if name in sealed and hash_file(folder / name) != sealed[name]}
    return sorted(damaged)


def _names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != FILE
    )
