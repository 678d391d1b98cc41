"""Whose unfinished output it is: the name of a temporary file says which process writes it."""

from __future__ import annotations

import os
import uuid

from unmask.core.processes.identity import identify_machine, read_start

LENGTH = 32
"""Hex digits of a mark: 8 each for the machine, the process, its start and a random number."""


def mark_writer() -> str:
    """A new mark of this process."""
    pid = os.getpid()
    return f"{identify_machine()}{pid:08x}{read_start(pid):08x}{uuid.uuid4().hex[:8]}"


def is_dead(mark: str) -> bool:
    """Has the process of this mark ended? False for one of another machine, of which nobody here can say so."""
    return _is_running(mark) is False


def is_alive(mark: str) -> bool:
    """Is the process of this mark still running? False for one of another machine, of which nobody here can say so."""
    return _is_running(mark) is True


def _is_running(mark: str) -> bool | None:
    """None where it cannot be told."""
    machine, pid, start = mark[:8], mark[8:16], mark[16:24]
    try:
        return read_start(int(pid, 16)) == int(start, 16) if machine == identify_machine() else None
    except ValueError:
        return None  # not a mark
