"""Where the lines of the `unmask` logger go: progress, warnings and summaries."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("unmask")


def show_log(level: int) -> None:
    """Write log lines from this level on to stderr, and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(level)


@contextmanager
def only_progress() -> Iterator[None]:
    """Of the log lines below a warning only those of core/progress.py pass."""

    def passes(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.module == "progress"

    log.addFilter(passes)
    try:
        yield
    finally:
        log.removeFilter(passes)
