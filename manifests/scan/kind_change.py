"""A file whose content is of another kind than its name says, such as a recording named .mp4."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from unmask.manifests.manifest import Kind, MediaRow

PARTS: dict[Kind, str] = {"image": "video_fake", "audio": "audio_fake"}


def change_kind(row: MediaRow, kind: Kind) -> MediaRow:
    """`row` as one of `kind`. It failed where its label describes a part that the file does not have."""
    if kind == row.kind:
        return row
    flags: dict[str, Any] = dict.fromkeys(PARTS.values())
    part = PARTS.get(kind)
    if part is not None and row.label is not None:
        is_fake = bool(row.label)
        known, other = getattr(row, part), getattr(row, next(name for name in flags if name != part))
        if row.kind == "video" and known is not None and known != is_fake:
            problem = f"unreadable: its content is {kind}, which its label does not describe. Correct its label"
            return replace(row, status="failed", reason=row.reason or problem)
        # A video that is fake by its pictures says nothing of its sound.
        flags[part] = None if row.kind == "video" and known is None and other else is_fake
    return replace(row, kind=kind, **flags)
