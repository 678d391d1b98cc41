"""Rows, outcomes and shards of a small work folder, made by hand for the report's lists."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from unmask.core.errors import Reason
from unmask.manifests.manifest import Kind, MediaRow
from unmask.preprocess.outcomes import Outcome
from unmask.preprocess.shards.media_item import Clip, MediaItem
from unmask.preprocess.shards.media_shard import write_shard
from unmask.preprocess.shards.shard_plan import make_plan
from unmask.preprocess.task import make_item_key

SIDE = 32


def made_row(number: int, label: int = 1, kind: Kind = "image", path: str | None = None, **more: object) -> MediaRow:
    return MediaRow(
        media_id=f"{number:032x}",
        dataset=str(more.pop("dataset", "d")),
        domain_id=0,
        path=path or f"{number:03}.png",
        kind=kind,
        label=label,
        method="swap" if label else "none",
        **more,  # type: ignore[arg-type]
    )


def lost(row: MediaRow, reason: Reason = "unreadable", problem: str = "cut short") -> Outcome:
    return Outcome(
        media_id=row.media_id, dataset=row.dataset, path=row.path, outcome="failed", reason=reason, problem=problem
    )


def done(row: MediaRow, **figures: float) -> Outcome:
    return Outcome(media_id=row.media_id, dataset=row.dataset, path=row.path, outcome="done", **figures)  # type: ignore[arg-type]


def jpeg(shade: int = 128) -> bytes:
    memory = io.BytesIO()
    Image.new("RGB", (48, 24), (shade, shade, shade)).save(memory, "JPEG")
    return memory.getvalue()


def lost_item(row: MediaRow, thumbnail: bytes = b"") -> MediaItem:
    return MediaItem(media_id=row.media_id, content=row.content, reason="unreadable", thumbnail=thumbnail)


def item_without_face(row: MediaRow) -> MediaItem:
    clip = Clip(
        start_s=0,
        end_s=0,
        faces=np.full((1, SIDE, SIDE, 3), 90, np.uint8),
        face_times=np.zeros(1, np.float32),
        boxes=np.zeros((1, 4), np.float32),
        landmarks=np.full((1, 5, 2), np.nan, np.float32),
        confidence=np.full(1, np.nan, np.float32),
        audio=np.zeros(0, np.int16),
    )
    return MediaItem(media_id=row.media_id, content=row.content, clips=(clip,))


def write_media(folder: Path, rows: Sequence[MediaRow], items: Sequence[MediaItem]) -> Path:
    """A media folder of one planned shard."""
    folder.mkdir(parents=True, exist_ok=True)
    (planned,) = make_plan(folder, [make_item_key(row) for row in rows])
    write_shard(folder / planned.name, items, face_size=SIDE, settings={})
    return folder
