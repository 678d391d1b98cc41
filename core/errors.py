"""All errors shown to users. Each states the problem and the remedy; the command line maps it to an exit code.

UnmaskError            1  (base class; raised directly only for bugs of unmask)
|- UsageError          2  wrong usage or settings
|- ItemsFailed         3  the stage finished, but too many items failed
|- MissingInput        4  needed input missing or stale
|  |- DamagedInput     4  it is there, and not as it was written
|- NoSpace             4  the disk or quota of the output folder is full
|- NotAllowed          4  no permission to read or write a file or folder
|- MachineFailed       4  no memory, no file handles or no GPU left
|- Stopped           130  by Ctrl-C; 143 by SIGTERM
BadMedia                  one media file cannot be used: recorded with a reason, the run goes on
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Literal, get_args

from unmask.core.processes.stop_signals import CTRL_C_CODE, get_stop_code, name_stop

Reason = Literal[
    "unreadable",  # damaged: no reader can decode it
    "unsupported",  # a format that no reader knows, or not media at all
    "no_face",  # images without a face under the policy "skip"
    "too_short",  # shorter than one clip
    "silent",  # an audio item with no signal at all
    "refused",  # above the size, pixel or duration limits
    "timeout",  # decoding took longer than the limit
    "memory",  # decoding needed more memory than the limit
    "crashed",  # an unexpected error, or the worker process died
    "vanished",  # in the manifest, not on disk
]
REASONS: tuple[str, ...] = get_args(Reason)


class UnmaskError(Exception):
    """Base of all errors with a remedy. `hint` is printed on its own line."""

    exit_code = 1

    def __init__(self, problem: str, hint: str) -> None:
        # Both go to super(): workers return errors by pickle, which calls the class with exactly these arguments.
        super().__init__(problem, hint)
        self.problem, self.hint = problem, hint

    def __str__(self) -> str:
        return f"{self.problem}\nhint: {self.hint}"


class UsageError(UnmaskError):
    """Wrong arguments or settings."""

    exit_code = 2


class ItemsFailed(UnmaskError):
    """The stage finished, but more items failed than --max-failures allows."""

    exit_code = 3


class MissingInput(UnmaskError):
    """An input file or folder is missing, of another kind, or out of date."""

    exit_code = 4


class DamagedInput(MissingInput):
    """An input is there, but not as it was written. Whoever can do without the input cannot do without knowing this."""


class NoSpace(UnmaskError):
    """The disk or the quota is full. Finished output is kept."""

    exit_code = 4


class NotAllowed(UnmaskError):
    """No permission to read or write a file or folder, or its disk is read-only."""

    exit_code = 4


class MachineFailed(UnmaskError):
    """The machine cannot go on: memory, file handles or the GPU. Finished output is kept."""

    exit_code = 4


class Stopped(UnmaskError):
    """Ctrl-C or SIGTERM. Finished output is kept."""

    exit_code = CTRL_C_CODE

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem, hint)
        self.exit_code = get_stop_code()


class BadMedia(Exception):
    """One media file cannot be used. The stage records the reason and continues."""

    def __init__(self, path: Path | str, reason: Reason, problem: str, remedy: str = "") -> None:
        # Messages of libraries may hold bytes of a file, which no table stores.
        problem = problem.encode("utf-8", "backslashreplace").decode()
        super().__init__(path, reason, problem, remedy)
        self.path, self.reason, self.problem, self.remedy = Path(path), reason, problem, remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}. {self.remedy}".rstrip()


# The disk, the network or the rights failed, which says nothing of the file's content.
READ_FAILURES = frozenset(
    getattr(errno, name)
    for name in (
        *(
            "EIO",
            "ESTALE",
            "EACCES",
            "EPERM",
            "ETIMEDOUT",
            "ENODEV",
            "ENXIO",
            "EBUSY",
            "EMFILE",
            "ENFILE",
            "ENOMEM",
            "EAGAIN",
        ),
        *("ENOLINK", "EREMOTEIO", "ENOTCONN", "ECONNRESET", "ECONNABORTED", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN"),
    )
    if hasattr(errno, name)
)

RUST_ERROR = re.compile(r"\(os error (\d+)\)")

# What the process lacks: core/crashes.py has their remedies.
NO_MACHINE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))


def raise_read_failure(error: BaseException) -> None:
    """Raise `error` again if the file could not be read at all: it is not damaged, and nothing replaces it."""
    if isinstance(error, OSError) and error.errno in READ_FAILURES:
        raise error


def _find_errno(error: BaseException) -> int | None:
    """The system's error number; libraries written in Rust give it in the message only."""
    if isinstance(error, OSError):
        return error.errno
    found = RUST_ERROR.search(str(error)) if isinstance(error, RuntimeError) else None
    return int(found[1]) if found else None


def as_user_error(error: BaseException) -> UnmaskError | None:
    """Convert an exception that the user can fix to an UnmaskError; return None for bugs."""
    if isinstance(error, UnmaskError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Stopped(f"stopped by {name_stop()}", "the same command goes on where it was")
    if isinstance(error, PermissionError) or (isinstance(error, OSError) and error.errno == errno.EROFS):
        named = isinstance(error.filename, str | bytes)
        problem = f"{os.fsdecode(error.filename)}: {error.strerror}" if named else str(error)
        return NotAllowed(problem, "check who may read and write there, or give another --work")
    if (number := _find_errno(error)) and number in READ_FAILURES - NO_MACHINE:
        problem = str(error)
        if isinstance(error, OSError) and isinstance(error.filename, str | bytes):
            problem = f"{os.fsdecode(error.filename)}: {error.strerror}"
        return MachineFailed(problem, "check the disk or the network, then run the same command again: nothing is lost")
    return None
