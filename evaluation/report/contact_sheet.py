"""Contact sheet: a few face crops per dataset and label."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.core.html.pages import encode_jpeg_uri
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.shards.media_shard import MediaShard

PER_CELL = 6
# Twice PER_CELL: an item without a clip must not leave a gap.
CANDIDATES = 2 * PER_CELL
SIDE = 88
QUALITY = 80

Cell = tuple[str, int]
"""(dataset, label)"""


@dataclass(frozen=True, slots=True)
class Face:
    path: str
    data_uri: str
    """A small JPEG."""
    confidence: float | None
    """Detector confidence; None for a center crop, taken when no face was found."""


def build_contact_sheet(shards: Iterable[Path], rows: Iterable[MediaRow]) -> dict[Cell, list[Face]]:
    """Up to six faces per cell: the same ones on every call, independent of splits and scores."""
    wanted = choose_candidates(rows)
    sheet: dict[Cell, list[Face]] = {}
    open_cells = {_get_cell(row) for row in wanted.values()}
    for path in shards:
        if not open_cells:
            break
        for row, face in _read_faces(MediaShard(path), wanted):
            taken = sheet.setdefault(_get_cell(row), [])
            if len(taken) < PER_CELL:
                taken.append(face)
            if len(taken) == PER_CELL:
                open_cells.discard(_get_cell(row))
    return sheet


def _get_cell(row: MediaRow) -> Cell:
    return row.dataset, int(row.label or 0)


def choose_candidates(rows: Iterable[MediaRow]) -> dict[str, MediaRow]:
    """CANDIDATES rows per cell by media_id: a fixed random sample, because ids are hashes."""
    cells: dict[Cell, list[MediaRow]] = {}
    for row in sorted(rows, key=lambda row: row.media_id):
        chosen = cells.setdefault(_get_cell(row), [])
        if row.kind != "audio" and row.status == "ok" and row.label is not None and len(chosen) < CANDIDATES:
            chosen.append(row)
    return {row.media_id: row for chosen in cells.values() for row in chosen}


def _read_faces(shard: MediaShard, wanted: dict[str, MediaRow]) -> Iterable[tuple[MediaRow, Face]]:
    for number, (media_id, clip_number) in enumerate(shard.clip_keys):
        if clip_number == 0 and media_id in wanted:
            clip = shard.clip(number)
            if len(clip.faces):
                middle = len(clip.faces) // 2
                confidence = float(clip.confidence[middle])
                known = confidence if np.isfinite(confidence) else None
                row = wanted[media_id]
                yield row, Face(row.path, _encode_face(clip.faces[middle]), known)


def _encode_face(face: NDArray[np.uint8]) -> str:
    small = Image.fromarray(face).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    memory = io.BytesIO()
    small.save(memory, "JPEG", quality=QUALITY)
    return encode_jpeg_uri(memory.getvalue())
