"""A folder in a bucket: its files as objects under a name of their own, and one small object that names them.

<folder>.commit             sealed JSON: each file, its object, size and SHA-256. Appears in one conditional request
objects/<digest>/<file>     the content, written before; <digest> is made of the names and checksums of all files
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from unmask.core.checksums import FILE as CHECKSUMS
from unmask.core.checksums import list_files
from unmask.core.errors import MissingInput
from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.core.hashing import fingerprint, hash_file

FORMAT = "unmask-folder"
VERSION = 1
SUFFIX = ".commit"
OBJECTS = "objects"


@dataclass(frozen=True, slots=True)
class CommittedFile:
    object: str
    """Its name below the work folder's address."""
    bytes: int
    sha256: str
    mtime_ns: int | None = None
    """Modification time, of a run's files alone: the newest run is found by it."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What a folder consists of."""

    files: dict[str, CommittedFile]
    """By their paths in the folder."""

    @property
    def content(self) -> str:
        """Equal for folders of equal files."""
        return hash_content({name: one.sha256 for name, one in self.files.items()})

    @property
    def is_shard(self) -> bool:
        """Of a folder that is sealed as a whole, rather than of a run."""
        return CHECKSUMS in self.files

    def write(self, path: Path) -> None:
        files = {name: {k: v for k, v in asdict(one).items() if v is not None} for name, one in self.files.items()}
        sealed_files.write_json(path, {"format": FORMAT, "version": VERSION, "files": files})

    @classmethod
    def read(cls, path: Path, remedy: str) -> Self:
        """`MissingInput` for a damaged one, and for another version's."""
        try:
            about = sealed_files.read_json(path)
            if (about["format"], about["version"]) != (FORMAT, VERSION):
                raise MissingInput(f"{path.name}: not a commit of version {VERSION}", "update unmask on this machine")
            return cls({_check_name(name): _parse_file(one) for name, one in about["files"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise as_missing_input(error, f"{path}: damaged", remedy) from error


def _parse_file(about: dict[str, Any]) -> CommittedFile:
    _check_name(str(about["object"]))
    return CommittedFile(**about)


def _check_name(name: str) -> str:
    """`ValueError` for a name that leaves its folder."""
    if not name or name.startswith("/") or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise ValueError(f"{name}: outside of the folder")
    return name


def hash_content(sealed: Mapping[str, str]) -> str:
    """32 hex digits over names and checksums of files."""
    return fingerprint("folder", dict(sealed)) + fingerprint(dict(sealed))


def measure_folder(folder: Path) -> dict[str, tuple[int, str]]:
    """Bytes and SHA-256 of each file. Those of a sealed folder are in its checksums."""
    sealed: dict[str, str] = {}
    if (folder / CHECKSUMS).is_file():
        sealed = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
    return {
        name: (entry.stat().st_size, sealed.get(name) or hash_file(folder / name))
        for name, entry in list_files(folder).items()
    }
