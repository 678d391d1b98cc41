"""Every error a user can meet. Each names the problem and the remedy; the command line turns it into an exit code.

UnmaskError            1  (base; raised itself only for our own bugs)
|- UsageError          2  wrong usage or settings
|- ItemsFailed         3  the stage finished, but too many items failed
|- MissingInput        4  needed input missing or stale
|- NoSpace             4  no room left where output goes
|- NotAllowed          4  the system does not let this user read or write something
|- Stopped           130  by Ctrl-C
BadMedia                  one file cannot be used: a row with a reason, never the end of a run
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Literal, get_args

Reason = Literal[
    "unreadable",  # no reader understands it, or its content is damaged
    "no_face",  # pictures without a face under the policy "skip"
    "too_short",  # nothing left to make one clip from
    "silent",  # an audio item with no signal at all
    "refused",  # over the size, pixel or duration limits
    "timeout",  # decoding took longer than the limit
    "memory",  # decoding needed more memory than the limit
    "crashed",  # the worker process died on it (native crash)
    "vanished",  # in the manifest, not on disk
]
REASONS: tuple[str, ...] = get_args(Reason)


class UnmaskError(Exception):
    """Base of all errors with a remedy. `hint` is printed on its own line."""

    exit_code = 1

    def __init__(self, problem: str, hint: str) -> None:
        # Both go to super(): workers send errors back by pickle, which rebuilds from exactly these arguments.
        super().__init__(problem, hint)
        self.problem, self.hint = problem, hint

    def __str__(self) -> str:
        return f"{self.problem}\nhint: {self.hint}"


class UsageError(UnmaskError):
    """Wrong arguments or settings."""

    exit_code = 2


class ItemsFailed(UnmaskError):
    """A stage is done, but more items failed than the user allows."""

    exit_code = 3


class MissingInput(UnmaskError):
    """A file or folder this stage reads is not there, foreign or out of date."""

    exit_code = 4


class NoSpace(UnmaskError):
    """The disk or the quota is full. What was finished is kept."""

    exit_code = 4


class NotAllowed(UnmaskError):
    """A file or folder that this user may not read or write, or whose disk is read-only."""

    exit_code = 4


class Stopped(UnmaskError):
    """The user pressed Ctrl-C. What was finished is kept."""

    exit_code = 130


class BadMedia(Exception):
    """One file cannot be used. The stage records it and goes on with the next."""

    def __init__(self, path: Path | str, reason: Reason, problem: str, remedy: str = "") -> None:
        super().__init__(path, reason, problem, remedy)
        self.path, self.reason, self.problem, self.remedy = Path(path), reason, problem, remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}. {self.remedy}".rstrip()


def told(error: BaseException) -> UnmaskError | None:
    """`error` with a remedy where the user can do something about it, whoever raised it; None for a bug of ours."""
    if isinstance(error, UnmaskError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Stopped("stopped by Ctrl-C", "the same command goes on where it was")
    if isinstance(error, PermissionError) or (isinstance(error, OSError) and error.errno == errno.EROFS):
        named = isinstance(error.filename, str | bytes)
        problem = f"{os.fsdecode(error.filename)}: {error.strerror}" if named else str(error)
        return NotAllowed(problem, "check who may read and write there, or give another --work")
    return None
