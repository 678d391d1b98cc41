"""A work folder as Python sees it: its paths, where messages go, and its manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.core.work_folder import WorkFolder
from unmask.environment import set_environment
from unmask.logs import show_log

if TYPE_CHECKING:
    from unmask.manifests.manifest import Manifest

log = logging.getLogger("unmask")


class OpenWork:
    """Base of `Work`."""

    def __init__(self, folder: str | Path = "work", *, say: Callable[[str], None] | None = None) -> None:
        """`say` gets the lines that summarize what was done; None: they are logged with the progress, on stderr."""
        self.folder = WorkFolder(Path(folder))
        self.say = say or log.info
        set_environment()
        self._manifest: tuple[tuple[int, int], Manifest] | None = None
        if not log.hasHandlers():
            show_log(logging.INFO)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder.root)!r})"

    def read_manifest(self) -> Manifest:
        """Read again only when the file has changed."""
        from unmask.manifests.manifest import read_manifest

        path = self.folder.manifest
        state = (path.stat().st_mtime_ns, path.stat().st_ino) if path.is_file() else (0, 0)
        if self._manifest is None or self._manifest[0] != state:
            self._manifest = state, read_manifest(path)
        return self._manifest[1]
