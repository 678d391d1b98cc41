"""Who holds a lock: each holder of a lock file adds one line of JSON about itself while it holds it."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from unmask.core.processes.identity import identify_machine, read_start

LONGEST_COMMAND = 200
MOST_BYTES = 1 << 16
"""Of a file of shared holders that are read: names beyond are lost."""
# A holder has the lock for a moment before its line is in the file.
PATIENCE_S = 0.2
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Holder:
    """One process."""

    pid: int
    host: str
    command: str
    since: str
    """Local time, ISO 8601."""
    machine: str = ""
    """Whose process numbers these are: containers may share the name of their host."""
    started: int = 0
    """As `read_start` gives it: process numbers are used again."""

    def __str__(self) -> str:
        return f"{self.name}, since {self.since.replace('T', ' ')[:19]}"

    @property
    def name(self) -> str:
        where = "" if self.host == socket.gethostname() else f" on {self.host}"
        return f"process {self.pid}{where} ({self.command})"

    @property
    def is_gone(self) -> bool:
        """A process of this machine that has ended; of one on another machine nothing is known."""
        return self.machine == identify_machine() and read_start(self.pid) != self.started


def describe_self() -> Holder:
    return Holder(
        pid=os.getpid(),
        host=socket.gethostname(),
        command=_describe_command(),
        since=datetime.now().astimezone().isoformat(timespec="seconds"),
        machine=identify_machine(),
        started=read_start(os.getpid()),
    )


def write_holder(handle: int, *, alone: bool) -> bytes:
    """Add this process to the lock file open as `handle`, in place of all others if it holds it `alone`; its line.

    A lock on a full disk has a holder without a name.
    """
    line = json.dumps(asdict(describe_self())).encode() + b"\n"
    with suppress(OSError):
        _keep_holders(handle, b"" if alone else _read_all(handle), line)
    return line


def remove_holder(handle: int, line: bytes) -> None:
    """Remove the line of `write_holder`, and those of processes that have ended."""
    with suppress(OSError):
        _keep_holders(handle, _read_all(handle).replace(line, b"", 1))


def _keep_holders(handle: int, lines: bytes, new: bytes = b"") -> None:
    """Write the file anew. Of two processes that do so at once, one may lose a line: a name, no lock."""
    there = [line for line in lines.splitlines(keepends=True) if (holder := _parse(line)) and not holder.is_gone]
    os.ftruncate(handle, 0)
    if there or new:
        os.write(handle, b"".join([*there, new]))  # opened with O_APPEND


def _read_all(handle: int) -> bytes:
    return os.pread(handle, MOST_BYTES, 0)


def read_holders(path: Path) -> list[Holder]:
    """The holders of a lock that somebody holds; empty if they cannot be told."""
    end = time.monotonic() + PATIENCE_S
    while not (found := [holder for holder in _read(path) if not holder.is_gone]) and time.monotonic() < end:
        time.sleep(POLL_S)
    return found


def describe_holders(path: Path) -> str:
    """ "process 71 (unmask scan /data), since ..." of every holder; empty if they cannot be told."""
    return "; ".join(map(str, read_holders(path)))


def _read(path: Path) -> list[Holder]:
    found: list[Holder] = []
    with suppress(OSError):
        found = [holder for line in path.read_bytes().splitlines() if (holder := _parse(line))]
    return found


def _parse(line: bytes) -> Holder | None:
    try:
        return Holder(**json.loads(line))
    except (ValueError, TypeError):
        return None


@cache
def _describe_command() -> str:
    """As it was typed, in one line of printable letters."""
    program = Path(sys.argv[0]) if sys.argv else Path("python")
    name = f"python -m {program.parent.name}" if program.name == "__main__.py" else program.name
    text = "".join(letter if letter.isprintable() else "?" for letter in " ".join([name, *sys.argv[1:]]))
    return text if len(text) <= LONGEST_COMMAND else text[: LONGEST_COMMAND - 3] + "..."
