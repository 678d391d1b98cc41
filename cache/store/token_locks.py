"""Locks of the token cache. The shards of a store have the claims of the media shards that they are made from."""

from __future__ import annotations

from contextlib import AbstractContextManager

from unmask.core.file_lock import hold_lock
from unmask.core.work_folder import WorkFolder

LOCK = "tokens"


def hold_tokens(work: WorkFolder, *, alone: bool = False) -> AbstractContextManager[None]:
    """Fill stores beside other calls that do; `alone`: to remove some, since nothing refers to one being filled.

    `Held` where the others do not allow it.
    """
    what = "another call of `unmask extract`, `unmask merge` or `unmask cache`"
    return hold_lock(work.locks / LOCK, what, shared=not alone)


def hold_stores(work: WorkFolder) -> AbstractContextManager[None]:
    """Create stores: a moment, for which the others wait."""
    return hold_lock(work.locks / "stores", "another call of `unmask extract`", wait=True)


def hold_projections(work: WorkFolder) -> AbstractContextManager[None]:
    """Fit projections and apply them, one process at a time: the others wait, and find them finished."""
    return hold_lock(work.locks / "projections", "another call of `unmask extract`", wait=True)
