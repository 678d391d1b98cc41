"""Where the lines of the `unmask` logger go: progress, warnings and summaries."""

from __future__ import annotations

import logging
import sys

log = logging.getLogger("unmask")


def show_log(level: int) -> None:
    """Write log lines from this level on to stderr, and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(level)
