"""Unexpected errors: they fail one item, with the reason "crashed", or end the run."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from unmask.core.atomic_files import NO_SPACE_ERRNOS
from unmask.core.errors import MachineFailed, MissingInput, NoSpace, UnmaskError

CRASHED = "crashed: "
"""Begins the reason of an item that met an unexpected error."""

AGAIN = "run the same command again: what is finished is kept"
NO_HANDLES = (errno.EMFILE, errno.ENFILE)
# PyTorch has classes for a failed and a full GPU, and reports them as RuntimeError too.
NO_CPU_MEMORY = "allocate memory"
GPU_ERRORS = ("AcceleratorError", "OutOfMemoryError")
GPU_FAULTS = ("CUDA error", "CUDA out of memory", "CUDA driver")

PACKAGE = "unmask."
MOST_LETTERS = 300
TEXTS_SHOWN = 3


def as_run_error(error: BaseException) -> UnmaskError | None:
    """The error that ends the run; None when `error` concerns only the item that raised it. Decided only here.

    What every later item would meet as well ends the run:
    - any `UnmaskError`: wrong settings, missing weights, an output folder that cannot be written
    - a full disk or quota, whoever wrote to it
    - no file handles left, in the process or on the machine
    - no memory left. In a worker process it is the item's fault, with the reason "memory" (core/process_pool.py).
    - a failed GPU: after one CUDA error all later calls of the process fail. Memory of the GPU counts only after the
      batch has shrunk to one input (cache/encoder_runner.py).
    - a package that cannot be imported

    Ctrl-C ends it too: KeyboardInterrupt is no `Exception` and is not caught anywhere. All else is the item's: errors
    of decoders and of the system about the file, and bugs.
    """
    if isinstance(error, UnmaskError):
        return error
    text = read_message(error)
    number = error.errno if isinstance(error, OSError) else None
    if number in NO_SPACE_ERRNOS or os.strerror(errno.ENOSPC) in text:
        return NoSpace(text, f"free some space and {AGAIN}")
    if number in NO_HANDLES:
        return MachineFailed(text, "close other programs or raise the limit (ulimit -n 4096)")
    if is_memory_error(error):
        return MachineFailed(f"no memory left ({text})", f"close other programs or use fewer --workers, then {AGAIN}")
    if type(error).__name__ in GPU_ERRORS or any(fault in text for fault in GPU_FAULTS):
        return MachineFailed(f"the GPU failed: {text}", f"{AGAIN}, with --device cpu if it fails again")
    if isinstance(error, ImportError):
        return MissingInput(text, "install the package, then run the same command again")
    return None


def is_memory_error(error: BaseException) -> bool:
    """True if memory of the CPU was short, whichever library says so."""
    short = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or short or NO_CPU_MEMORY in read_message(error)


def read_message(error: BaseException) -> str:
    """The text of `error` on one line of UTF-8, at most MOST_LETTERS long. Never raises."""
    try:
        text = str(error)
    except Exception:  # an exception may fail to describe itself
        text = "its message cannot be read"
    words = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return words if len(words) <= MOST_LETTERS else f"{words[: MOST_LETTERS - 3]}..."


def describe_crash(error: BaseException, path: Path | None = None) -> str:
    """Type, message and place of an unexpected error: "IndexError: list index out of range (media.timeline:98)".

    Without the folder of `path`, so that it is the same on every machine.
    """
    text = read_message(error)
    if path is not None:
        text = text.replace(str(path), path.name)
    place = _find_place(error.__traceback__)
    return f"{type(error).__name__}: {text}" + (f" ({place})" if place else "")


def _find_place(trace: TracebackType | None) -> str:
    """Module and line of the innermost call within this package; empty without one."""
    place = ""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.startswith(PACKAGE) and module != "unmask.core.process_pool":
            place = f"{module.removeprefix(PACKAGE)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def is_crash(reason: str) -> bool:
    return reason.startswith(CRASHED)


def describe_crashes(reasons: Iterable[str | None]) -> list[str]:
    """The line that asks to report the unexpected errors among `reasons`, with the first texts; none without any."""
    crashes = Counter(reason.removeprefix(CRASHED) for reason in reasons if reason and is_crash(reason))
    if not crashes:
        return []
    number = crashes.total()
    texts = [f"{text} ({count} times)" if count > 1 else text for text, count in crashes.most_common(TEXTS_SHOWN)]
    more = ["..."] * (len(crashes) > TEXTS_SHOWN)
    return [f"{number} item{'s' * (number != 1)} met an unexpected error, please report: {'; '.join([*texts, *more])}"]
