"""A folder that can be verified: SHA-256 of each of its files in `checksums.json`, written last."""

from __future__ import annotations

import json
from pathlib import Path

from unmask.core.atomic_files import write_json
from unmask.core.hashing import full_content

FILE = "checksums.json"


def seal(folder: Path) -> None:
    """Write the checksums of every file now in `folder`."""
    write_json(folder / FILE, {name: full_content(folder / name) for name in _names(folder)})


def damage(folder: Path) -> list[str]:
    """Names of files that are missing, foreign or changed since `seal`; empty when the folder is whole."""
    try:
        sealed: dict[str, str] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [FILE]
    present = _names(folder)
    wrong = set(sealed) ^ set(present)
    wrong |= {name for name in present if name in sealed and full_content(folder / name) != sealed[name]}
    return sorted(wrong)


def _names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != FILE
    )
