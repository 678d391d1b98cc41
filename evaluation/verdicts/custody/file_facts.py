"""What is read of a judged file for its verdict's custody, in one pass over its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from unmask.core.files.regular_files import open_regular

BLOCK = 1 << 20
# Type of the JUMBF superbox that holds a C2PA manifest store (C2PA 2.1, section 11.1.4.2). It lies in one piece in
# every container that is judged here: in JPEG the store begins with it, in the first segment.
MANIFEST_STORE = bytes.fromhex("63327061 0011 0010 8000 00aa00389b71")


@dataclass(frozen=True, slots=True)
class FileState:
    """Which version of a file this is, without reading it."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def read(cls, path: Path) -> FileState | None:
        """None for a file that is gone."""
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns, found.st_ino)


@dataclass(frozen=True, slots=True)
class FileFacts:
    sha256: str
    bytes: int
    has_manifest: bool
    """Does it seem to hold a C2PA manifest?"""

    @classmethod
    def read(cls, path: Path) -> FileFacts:
        """`OSError` for a file that cannot be read."""
        digest, count, found, end = hashlib.sha256(), 0, False, b""
        with open_regular(path) as file:
            while block := file.read(BLOCK):
                digest.update(block)
                count += len(block)
                seen = end + block
                found, end = found or MANIFEST_STORE in seen, seen[-len(MANIFEST_STORE) + 1 :]
        return cls(digest.hexdigest(), count, found)
