"""One part of a stage, in a process of another machine."""

from __future__ import annotations

import importlib.metadata
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.core.crashes import as_run_error
from unmask.core.errors import MachineFailed, UnmaskError, UsageError
from unmask.core.progress import forward_progress

log = logging.getLogger("unmask")

SEND_S = 0.5


@dataclass(frozen=True, slots=True)
class Counts:
    """Of a part, since it began."""

    done: int = 0
    failed: int = 0
    """Of those that are done."""
    left_out: int = 0

    def plus(self, done: int, failed: int, left_out: int) -> Counts:
        return Counts(self.done + done, self.failed + failed, self.left_out + left_out)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes back of a part."""

    value: Any
    counts: Counts
    warnings: tuple[str, ...]
    error: UnmaskError | None = None
    """What ends the run."""


@dataclass(frozen=True, slots=True)
class Site:
    """What every machine has to have."""

    marker: Path
    """A folder within the work folder, of this run alone."""
    version: str

    def check(self) -> None:
        """Raises `UsageError` and `MachineFailed` on a machine that cannot take part."""
        here = read_program_version()
        if here != self.version:
            problem = f"{socket.gethostname()} has unmask {here}, this command is of {self.version}"
            raise UsageError(problem, "install the same version on all machines of the cluster")
        if not self.marker.is_dir():
            problem = f"{self.marker.parent.parent}: not the same folder on {socket.gethostname()}"
            raise MachineFailed(problem, "share it among the machines under the same path (docs/parallel.md, Ray)")


def read_program_version() -> str:
    return importlib.metadata.version("unmask")


def run_part(function: Callable[[Any], Any], part: Any, site: Site, send: Callable[[Counts], object]) -> Outcome:
    """function(part), whose progress is sent now and then. A bug is raised; what ends the run is in the outcome."""
    counts, sent = Counts(), time.monotonic()

    def forward(done: int, failed: int, left_out: int) -> None:
        nonlocal counts, sent
        counts = counts.plus(done, failed, left_out)
        if time.monotonic() - sent >= SEND_S:
            sent = time.monotonic()
            send(counts)

    with _collect_warnings() as warnings, forward_progress(forward):
        try:
            site.check()
            value, error = function(part), None
        except Exception as raised:
            value, error = None, as_run_error(raised)
            if error is None:
                raise
    return Outcome(value, counts, tuple(warnings), error)


@contextmanager
def _collect_warnings() -> Iterator[list[str]]:
    handler = _Collector(logging.WARNING)
    level, passes_on = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.WARNING)
    log.propagate = False
    try:
        yield handler.lines
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = passes_on


class _Collector(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
