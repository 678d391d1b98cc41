"""Compare the manifest with the files: which have vanished or changed since the scan?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unmask.core.errors import MissingInput
from unmask.core.files.read_failures import raise_disk_failure
from unmask.core.hashing import hash_quickly
from unmask.manifests.manifest import Manifest, MediaRow


@dataclass(frozen=True, slots=True)
class Stale:
    """One row whose file has vanished or changed."""

    dataset: str
    path: str
    problem: Literal["vanished", "changed"]


def verify_manifest(manifest: Manifest) -> list[Stale]:
    """Rows whose file has vanished or changed, in the order of the manifest.

    Reads only files of another size or modification time. Skips rows of unreadable files.
    """
    found = ((row, _find_problem(manifest, row)) for row in manifest.rows() if row.status == "ok")
    return [Stale(row.dataset, row.path, problem) for row, problem in found if problem]


def _find_problem(manifest: Manifest, row: MediaRow) -> Literal["vanished", "changed"] | None:
    try:
        path = manifest.locate(row)
        about = path.stat()
        if (about.st_size, about.st_mtime_ns) == (row.bytes, row.mtime_ns):
            return None
        return None if about.st_size == row.bytes and hash_quickly(path) == row.content else "changed"
    except (OSError, MissingInput) as error:  # MissingInput: replaced by a link that leads out of the dataset
        raise_disk_failure(error)
        return "vanished"
