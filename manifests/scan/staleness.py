"""Is the manifest still true? Files that went away or changed since the scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unmask.core.errors import MissingInput
from unmask.core.hashing import quick_content
from unmask.manifests.manifest import Manifest, MediaRow


@dataclass(frozen=True, slots=True)
class Stale:
    """One row that its file no longer agrees with."""

    dataset: str
    path: str
    problem: Literal["vanished", "changed"]


def verify_manifest(manifest: Manifest) -> list[Stale]:
    """Rows whose file is not where it was or has other content, in the order of the manifest; empty when all is well.

    Only files of another size or modification time are read. Rows that the scan could not read are not looked at.
    """
    found = ((row, _problem(manifest, row)) for row in manifest.rows() if row.status == "ok")
    return [Stale(row.dataset, row.path, problem) for row, problem in found if problem]


def _problem(manifest: Manifest, row: MediaRow) -> Literal["vanished", "changed"] | None:
    try:
        path = manifest.locate(row)
        about = path.stat()
        if (about.st_size, about.st_mtime_ns) == (row.bytes, row.mtime_ns):
            return None
        return None if about.st_size == row.bytes and quick_content(path) == row.content else "changed"
    except (OSError, MissingInput):  # MissingInput: a link has taken its place that leads elsewhere
        return "vanished"
