"""Hashes of settings and files. They are equal on every machine for equal input."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from unmask.core.files.regular_files import open_regular

QUICK_BLOCK = 64 * 1024


def fingerprint(*parts: Any) -> str:
    """16 hex digits of SHA-256 over the canonical JSON of `parts`.

    Used as cache key. `TypeError` for values that are not JSON types, such as sets.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


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
