"""Stands in for `probe_chunk` in worker processes. It imports little, so that a short time limit suffices."""

from __future__ import annotations

import os
import time
from pathlib import Path

from unmask.manifests.scan import probe


def probe_deadly_chunk(chunk: probe.Chunk) -> list[probe.Probe]:
    """One name crashes the process, one hangs it."""
    for path, _, _ in chunk.files:
        if path.endswith("crash.png"):
            os._exit(9)
        if path.endswith("hang.png"):
            time.sleep(60)
    return [probe.probe_file(Path(path), kind) for path, kind, _ in chunk.files]
