"""Locks of the manifest: one writer at a time, and no audit of a manifest that is being replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from unmask.core.file_lock import hold_lock
from unmask.core.sharing.partition import Partition
from unmask.core.work_folder import WorkFolder

WHAT = "another call that reads or writes the manifest (scan, split, transcribe, audit or merge)"
LOCK = "manifest"


@contextmanager
def hold_manifest(work: WorkFolder) -> Iterator[None]:
    """Replace the manifest, or the tables beside it. `Held` if another process reads or writes it for long."""
    with hold_lock(work.locks / LOCK, WHAT):
        yield


@contextmanager
def hold_audit(work: WorkFolder) -> Iterator[None]:
    """Write an audit of the manifest, which stays as it is meanwhile."""
    with hold_lock(work.locks / LOCK, WHAT, shared=True), hold_lock(work.locks / "audit", "another audit"):
        yield


@contextmanager
def hold_scan_part(work: WorkFolder, partition: Partition) -> Iterator[None]:
    """Scan one part, beside the others."""
    name = f"scan-{partition.number}-of-{partition.count}"
    with (
        hold_lock(work.locks / LOCK, WHAT, shared=True),
        hold_lock(work.locks / name, f"another scan of part {partition}"),
    ):
        yield
