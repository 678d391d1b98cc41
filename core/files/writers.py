"""Whose unfinished output it is: the name of a temporary file says which process writes it."""

from __future__ import annotations

import hashlib
import os
import platform
import uuid
from functools import cache
from pathlib import Path

LENGTH = 32
"""Hex digits of a mark: 8 each for the machine, the process, its start and a random number."""


def mark_writer() -> str:
    """A new mark of this process."""
    pid = os.getpid()
    return f"{_identify_machine()}{pid:08x}{_read_start(pid):08x}{uuid.uuid4().hex[:8]}"


def is_dead(mark: str) -> bool:
    """Has the process of this mark ended? False for one of another machine, of which nobody here can say so."""
    machine, pid, start = mark[:8], mark[8:16], mark[16:24]
    try:
        return machine == _identify_machine() and _read_start(int(pid, 16)) != int(start, 16)
    except ValueError:
        return False  # not a mark


@cache
def _identify_machine() -> str:
    """The same for all processes that see each other's numbers."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return hashlib.sha256(f"{platform.node()}/{space}".encode()).hexdigest()[:8]


def _read_start(pid: int) -> int:
    """When the process began, in ticks of the system (modulo 2**32); 0 if there is none, 1 where this is not known."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) % 2**32
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return 0
    except (OSError, OverflowError):
        pass
    return 0 if Path("/proc/self/stat").exists() else 1
