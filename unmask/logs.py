"""Where the lines of the `unmask` logger go: progress, warnings and summaries."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from unmask.core.terminal.shown_text import escape_hidden, escape_hidden_in_lines

log = logging.getLogger("unmask")

ESCAPED = (str, PurePath, Exception)
"""Arguments of a log line that may hold a name of somebody else; tables have lines of their own."""


class PlainFormatter(logging.Formatter):
    """The message alone. Names in it, and errors that hold them, stay on one line and hide nothing."""

    def format(self, record: logging.LogRecord) -> str:
        shown = logging.makeLogRecord(record.__dict__)
        if isinstance(record.args, tuple):
            shown.args = tuple(escape_hidden(one) if isinstance(one, ESCAPED) else one for one in record.args)
        return escape_hidden_in_lines(super().format(shown))


def show_log(level: int) -> None:
    """Write log lines from this level on to stderr, and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter())
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
