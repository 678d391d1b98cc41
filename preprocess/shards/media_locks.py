"""Locks of a media folder: of the whole folder, of its plan, and of each shard."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from unmask.core.file_lock import hold_lock
from unmask.core.sharing.shared_work import Claims
from unmask.core.work_folder import WorkFolder


def hold_media(work: WorkFolder, folder: Path, *, alone: bool = False) -> AbstractContextManager[None]:
    """Work in the media `folder` of `work`, beside other calls that write shards; `alone`: to remove some.

    `Held` where the others do not allow it.
    """
    what = "another call of `unmask preprocess`, `unmask merge` or `unmask cache verify --repair`"
    return hold_lock(work.locks / f"preprocess-{folder.name}", what, shared=not alone)


def hold_plan(work: WorkFolder, folder: Path) -> AbstractContextManager[None]:
    """Write the plan or the outcomes of a media folder: moments, for which the others wait."""
    return hold_lock(work.locks / f"plan-{folder.name}", "another call of `unmask preprocess`", wait=True)


def claim_shards(work: WorkFolder, folder: Path) -> Claims:
    """The claims of its shards. Whoever writes one, or tokens of one, holds its claim."""
    return Claims(work.locks / "claims" / folder.name)
