"""Compression levels: keep one, and warn where the level gives the label away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unmask.manifests.datasets.base import Scanned
from unmask.manifests.findings import Conflict, Ignored
from unmask.manifests.manifest import Compression, MediaRow


def keep_level(scanned: Scanned, level: Compression | None) -> Scanned:
    """`scanned` without the rows of other levels than `level`; rows of unknown level are kept."""
    if level is None:
        return scanned
    kept = [row for row in scanned.rows if row.compression in (level, None)]
    left_out = [
        Ignored(row.dataset, row.path, f"compression {row.compression}, not {level}")
        for row in scanned.rows
        if row.compression not in (level, None)
    ]
    return replace(scanned, rows=kept, ignored=[*scanned.ignored, *left_out])


def find_level_conflicts(dataset: str, rows: Sequence[MediaRow]) -> list[Conflict]:
    """A conflict when real and fake files have different levels: a model could learn the level instead."""
    real, fake = ({row.compression for row in rows if row.label == label} for label in (0, 1))
    if real == fake or not real or not fake:
        return []
    levels = f"real files are {_list_levels(real)}, but fakes are {_list_levels(fake)}"
    problem = f"{levels}: the compression level gives the label away"
    common = sorted(level for level in real & fake if level)
    remedy = f"Choose one with --compression {common[0]}" if common else "Get both in the same level"
    return [Conflict(dataset, ".", problem, remedy)]


def _list_levels(levels: set[Compression | None]) -> str:
    return " and ".join(sorted(level or "of unknown level" for level in levels))
