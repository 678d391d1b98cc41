"""The input of a worker: one file to preprocess."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unmask.core.hashing import fingerprint
from unmask.manifests.manifest import Kind, MediaRow
from unmask.preprocess.profiles import PreprocessSettings


@dataclass(frozen=True, slots=True)
class MaskFile:
    """Video of the manipulated region of a video."""

    path: Path
    content: str | None
    """Hash of the file at the time of the scan; None if it could not be read."""
    refused: str | None = None
    """As in `Task`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One manifest row to preprocess."""

    media_id: str
    content: str
    """Hash of the file at the time of the scan; "" if unknown."""
    path: Path
    kind: Kind
    text: str | None
    settings: PreprocessSettings
    refused: str | None = None
    """Why the file must not be opened; None for nearly every file."""
    mask: MaskFile | None = None


def make_item_key(row: MediaRow) -> str:
    """Key of the item in shards: a path with changed content or text is a new item, as is one with another mask."""
    mask = [] if row.mask is None else [row.mask_content]
    return fingerprint(row.media_id, row.content, row.kind, row.text, *mask)
