"""What this machine knows of the objects that it has copies of: a log that its processes append to.

One JSON line per event, with its own checksum; the last one of a name counts. A line that is torn or damaged counts as
none, and the object is copied again.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

from unmask.core.files.sealed_files import KEY, is_whole_line, seal_line


@dataclass(frozen=True, slots=True)
class Known:
    """An object and its local copy, as they were when both were equal."""

    tag: str
    """Of the object; "" for a file that is part of a committed folder."""
    sha256: str
    bytes: int
    mtime_ns: int
    """Of the local file, as its `bytes`: one that differs in either has changed since."""

    def is_of(self, path: Path) -> bool:
        """Is the local file still the one that was noted?"""
        try:
            about = path.stat()
        except FileNotFoundError:
            return False
        return (about.st_size, about.st_mtime_ns) == (self.bytes, self.mtime_ns)


class KnownObjects:
    """Name -> `Known`. For several threads and processes at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._known: dict[str, Known] = {}
        self._lock = Lock()
        self.refresh()

    def refresh(self) -> None:
        """Read what other processes have noted since."""
        with self._lock:
            try:
                with self.path.open("rb") as file:
                    file.seek(self._read)
                    new = file.read()
            except FileNotFoundError:
                return
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            for line in whole.splitlines():
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            about = json.loads(line) if is_whole_line(line) else {}
            name = about.pop("name")
            about.pop(KEY, None)
            if about:
                self._known[name] = Known(**about)
            else:
                self._known.pop(name, None)
        except (ValueError, KeyError, TypeError):
            return

    def get(self, name: str) -> Known | None:
        return self._known.get(name)

    def snapshot(self) -> dict[str, Known]:
        with self._lock:
            return dict(self._known)

    def add(self, name: str, known: Known) -> None:
        self._append({"name": name} | asdict(known))

    def forget(self, name: str) -> None:
        self._append({"name": name})

    def _append(self, about: dict[str, object]) -> None:
        line = seal_line(json.dumps(about, sort_keys=True)).encode() + b"\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)
        self.refresh()
