"""Progress of long work on stderr: a rich bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

log = logging.getLogger("unmask")

PLAIN_SECONDS = 5.0


class Progress:
    """`with Progress("extract", total=120, unit="clips") as bar: bar.advance()`"""

    def __init__(self, label: str, total: int, unit: str = "items") -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done = self.failed = 0
        self._started = self._printed = time.monotonic()
        self._rich: RichProgress | None = None
        if sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            self._rich = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._rich.add_task(label, total=total, note="")

    def __enter__(self) -> Self:
        if self._rich:
            self._rich.start()
        return self

    def advance(self, count: int = 1, *, failed: int = 0) -> None:
        """`count` more are finished, `failed` of them as failures."""
        self.done += count
        self.failed += failed
        if self._rich:
            self._rich.update(self._task, advance=count, note=self._note())
        elif time.monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed = time.monotonic()
            log.info("%s: %d/%d %s, %s, %s", self.label, self.done, self.total, self.unit, self._note(), self._eta())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich:
            self._rich.stop()

    def _rate(self) -> float:
        return self.done / max(time.monotonic() - self._started, 1e-9)

    def _note(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self._rate():.1f} {self.unit}/s{failed}"

    def _eta(self) -> str:
        return f"{(self.total - self.done) / max(self._rate(), 1e-9):.0f} s left"


def format_duration(seconds: float) -> str:
    """Duration in the largest unit of which it has at least two, for example "3.5 hours"."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"
