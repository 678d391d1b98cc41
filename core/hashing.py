"""Hashes of settings and files. They are equal on every machine for equal input."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from unmask.core.files.regular_files import open_regular

QUICK_BLOCK = 64 * 1024
DIGITS = 16
"""Of a fingerprint."""


def fingerprint(*parts: Any) -> str:
    """16 hex digits of SHA-256 over the canonical JSON of `parts`.

    Used as cache key. `TypeError` for values that are not JSON types, such as sets.
    """
    return hashlib.sha256(_encode(parts)).hexdigest()[:DIGITS]


def fingerprint_rows(blocks: Iterable[Sequence[Any]]) -> str:
    """`fingerprint` of the list of all rows, which come in blocks: a million rows are never in memory at once."""
    digest, between = hashlib.sha256(b"[["), b""
    for block in filter(len, blocks):
        digest.update(between + _encode(block)[1:-1])
        between = b","
    digest.update(b"]]")
    return digest.hexdigest()[:DIGITS]


def _encode(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def make_media_id(dataset: str, path: str) -> str:
    """128-bit hex identifier of a media file, from its dataset and its path within the dataset."""
    text = f"{dataset}\0{path}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def hash_quickly(path: Path) -> str:
    """32 hex digits over the size and the first, middle and last 64 KiB: cheap enough for terabytes.

    Files that differ only elsewhere get the same digest; `full_content` distinguishes them.
    """
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with open_regular(path) as file:
        for start in sorted({0, max(0, size // 2 - QUICK_BLOCK // 2), max(0, size - QUICK_BLOCK)}):
            file.seek(start, os.SEEK_SET)
            digest.update(file.read(QUICK_BLOCK))
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """64 hex digits of SHA-256 over the whole file."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
