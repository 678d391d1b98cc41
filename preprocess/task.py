"""What a worker is told about one item."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unmask.core.hashing import fingerprint
from unmask.manifests.manifest import Kind, MediaRow
from unmask.preprocess.profiles import PreprocessSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One manifest row to turn into tensors."""

    media_id: str
    content: str
    """The file's fingerprint at the time of the scan; "" when nobody took one."""
    path: Path
    kind: Kind
    text: str | None
    settings: PreprocessSettings
    refused: str | None = None
    """Why the file may not even be opened, None for nearly every file."""


def item_key(row: MediaRow) -> str:
    """Names the item as a shard sees it: another content or text under the same path is another item."""
    return fingerprint(row.media_id, row.content, row.kind, row.text)
