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
    machine, pid, start = mark[:8], mark[8:16], mark[16:24]
    try:
        return machine == identify_machine() and read_start(int(pid, 16)) != int(start, 16)
    except ValueError:
        return False  # not a mark
