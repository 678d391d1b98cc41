"""The work folder that UNMASK_WORK names, for benchmarks that need tokens."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from unmask.cache.stage import open_tokens
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, read_manifest
from unmask.train.data.token_data import TokenData

MISSING = "not measured: set UNMASK_WORK to a work folder with tokens"


def open_given_work() -> tuple[WorkFolder, Manifest, TokenData] | None:
    """The folder, its manifest and its tokens, with the log of warnings off; None without UNMASK_WORK."""
    given = os.environ.get("UNMASK_WORK")
    if not given:
        return None
    logging.getLogger("unmask").setLevel(logging.ERROR)
    work = WorkFolder(Path(given).absolute())
    manifest = read_manifest(work.manifest)
    return work, manifest, TokenData.load(manifest, open_tokens(work, manifest))
