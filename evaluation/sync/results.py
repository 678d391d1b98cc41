"""Sync per category of the evaluated files, as it stands in `evaluation.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.cache.sync.comparison import TOLERANCE
from unmask.evaluation.sync.measure import FileSync
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.profiles import MOUTH_FPS

TOLERATED_MS = round(1000 * TOLERANCE / MOUTH_FPS)
ALL = "all datasets"
CATEGORIES = ("genuine", "image fake", "audio fake", "image and audio fake", "fake, part unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRow:
    """Files of one dataset, or of all, and one category whose mouth and audio were compared."""

    dataset: str
    category: str
    files: int
    offset_ms: float
    """Median offset of the audio from the mouth."""
    moved: float
    """Share of the files with an offset beyond TOLERATED_MS."""
    fit: float
    """Mean of Sync.fit."""
    fits: float | None
    """Share of the files of which the run says that mouth and audio fit; None for a run without that head."""


def summarize_sync(rows: Sequence[MediaRow], found: Sequence[FileSync | None]) -> tuple[SyncRow, ...]:
    """Of all datasets together, then of each with compared files; empty without any."""
    compared = [(row, one) for row, one in zip(rows, found, strict=True) if one is not None]
    datasets = sorted({row.dataset for row, _ in compared})
    lines = []
    for name in ([ALL] if len(datasets) > 1 else []) + datasets:
        mine = [pair for pair in compared if name in (ALL, pair[0].dataset)]
        for category in CATEGORIES:
            chosen = [one for row, one in mine if find_category(row) == category]
            if chosen:
                lines.append(_summarize(name, category, chosen))
    return tuple(lines)


def find_category(row: MediaRow) -> str:
    """One of CATEGORIES."""
    if row.label == 0:
        return "genuine"
    parts = [name for name, fake in (("image", row.video_fake), ("audio", row.audio_fake)) if fake]
    return f"{' and '.join(parts)} fake" if parts else "fake, part unknown"


def _summarize(dataset: str, category: str, found: Sequence[FileSync]) -> SyncRow:
    offsets = np.array([one.sync.offset_ms for one in found])
    judged = [one.fits for one in found if one.fits is not None]
    return SyncRow(
        dataset=dataset,
        category=category,
        files=len(found),
        offset_ms=float(np.median(offsets)),
        moved=float((np.abs(offsets) > TOLERATED_MS).mean()),
        fit=float(np.mean([one.sync.fit for one in found])),
        fits=float(np.mean(np.array(judged) >= 0.5)) if judged else None,
    )
