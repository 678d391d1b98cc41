"""The contact sheet: a few of the faces that preprocessing cut out, per dataset and label, to look at."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.manifests.manifest import MediaRow
from unmask.preprocess.shards.media_shard import MediaShard

PER_CELL = 6
# Twice the wanted number: an item without a clip must not leave a hole.
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
    """Of the detector; None where it found no face and the centre was taken."""


def contact_sheet(shards: Iterable[Path], rows: Iterable[MediaRow]) -> dict[Cell, list[Face]]:
    """Up to six faces a cell: the same ones on every call, drawn without regard to splits or scores."""
    wanted = candidates(rows)
    sheet: dict[Cell, list[Face]] = {}
    open_cells = {_cell(row) for row in wanted.values()}
    for path in shards:
        if not open_cells:
            break
        for row, face in _faces_of(MediaShard(path), wanted):
            taken = sheet.setdefault(_cell(row), [])
            if len(taken) < PER_CELL:
                taken.append(face)
            if len(taken) == PER_CELL:
                open_cells.discard(_cell(row))
    return sheet


def _cell(row: MediaRow) -> Cell:
    return row.dataset, int(row.label or 0)


def candidates(rows: Iterable[MediaRow]) -> dict[str, MediaRow]:
    """The first of each cell in the order of their ids, which are hashes: a drawing that is the same every time."""
    cells: dict[Cell, list[MediaRow]] = {}
    for row in sorted(rows, key=lambda row: row.media_id):
        found = cells.setdefault(_cell(row), [])
        if row.kind != "audio" and row.status == "ok" and row.label is not None and len(found) < CANDIDATES:
            found.append(row)
    return {row.media_id: row for found in cells.values() for row in found}


def _faces_of(shard: MediaShard, wanted: dict[str, MediaRow]) -> Iterable[tuple[MediaRow, Face]]:
    for number, (media_id, clip_number) in enumerate(shard.clip_keys):
        if clip_number == 0 and media_id in wanted:
            clip = shard.clip(number)
            if len(clip.faces):
                middle = len(clip.faces) // 2
                confidence = float(clip.confidence[middle])
                known = confidence if np.isfinite(confidence) else None
                row = wanted[media_id]
                yield row, Face(row.path, _jpeg(clip.faces[middle]), known)


def _jpeg(face: NDArray[np.uint8]) -> str:
    small = Image.fromarray(face).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    memory = io.BytesIO()
    small.save(memory, "JPEG", quality=QUALITY)
    return jpeg_uri(memory.getvalue())


def jpeg_uri(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
