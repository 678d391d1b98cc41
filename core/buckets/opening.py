"""Open a work folder by its path, or by its address in a bucket."""

from __future__ import annotations

from pathlib import Path

from unmask.core.atomic_files import write_json
from unmask.core.buckets.addresses import get_local_folder, is_address, parse_address
from unmask.core.buckets.bucket import Bucket
from unmask.core.buckets.mirrored import MARKER, STATE, find_mirror
from unmask.core.errors import UsageError


def open_work_folder(folder: str | Path) -> Path:
    """The path; for an address that of its local copy, brought up to date.

    `UsageError` for an address of another form, `MissingInput` without the extra or such a bucket, `NotAllowed` without
    credentials or rights, `MachineFailed` where the store does not answer.
    """
    if not is_address(folder):
        return Path(folder)
    address = parse_address(folder)
    root = get_local_folder(address)
    marker = root / STATE / MARKER
    if not marker.is_file():
        Bucket(address).check()  # nothing is made for a bucket that does not answer
        write_json(marker, {"address": str(address)})
    mirror = find_mirror(root)
    if mirror is None or mirror.root != root:
        raise UsageError(f"{root}: lies in the copy of another bucket", "UNMASK_CACHE=/another/folder")
    mirror.pull()
    return root


def remove_unused_content(folder: Path, *, older_s: float = 86_400.0) -> tuple[int, int]:
    """Remove what no commit in the bucket names, as of writers that were killed: (objects, bytes).

    Younger content may belong to a commit that is about to be made. (0, 0) for a work folder in no bucket.
    """
    mirror = find_mirror(folder)
    return mirror.remove_unused(older_s) if mirror else (0, 0)


def publish_runs(folder: Path) -> None:
    """Publish the runs of a work folder; nothing where it is in no bucket."""
    if mirror := find_mirror(folder):
        mirror.publish_runs()
