"""Progress of long work on stderr: a rich bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

log = logging.getLogger("unmask")

PLAIN_SECONDS = 5.0
# The first items bear the start of workers and the loading of weights: an estimate from them is several times too long.
LEAST_SECONDS, LEAST_SHARE = 5.0, 0.02

_SILENT: ContextVar[bool] = ContextVar("silent_progress", default=False)
Forward = Callable[[int, int, int], None]
"""Called with the numbers of items that are finished, of those that failed among them, and of those left out."""
_FORWARD: ContextVar[Forward | None] = ContextVar("forwarded_progress", default=None)


@contextmanager
def silence_progress(silent: bool = True) -> Iterator[None]:
    """Within it nothing shows progress: for parts of work with a bar of its own, since a terminal has room for one."""
    before = _SILENT.set(silent or _SILENT.get())
    try:
        yield
    finally:
        _SILENT.reset(before)


@contextmanager
def forward_progress(forward: Forward) -> Iterator[None]:
    """Within it the counts go to `forward`, and nothing is shown: for a part of work whose bar is elsewhere."""
    before = _FORWARD.set(forward)
    try:
        yield
    finally:
        _FORWARD.reset(before)


def estimate_remaining(done: float, total: float | None, elapsed: float | None) -> str:
    """For example "12 s left"; empty before an estimate means something, and after the end."""
    if not total or not elapsed or not done or done >= total:
        return ""
    if elapsed < LEAST_SECONDS or done < LEAST_SHARE * total:
        return ""
    return f"{format_duration((total - done) * elapsed / done)} left"


class RemainingColumn(ProgressColumn):
    """The estimate at the end of a bar."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        return Text(estimate_remaining(task.completed, task.total, task.elapsed))


class Progress:
    """`with Progress("extract", total=120, unit="clips") as bar: bar.advance()`"""

    def __init__(self, label: str, total: int, unit: str = "items") -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done = self.failed = 0
        self._started = self._printed = time.monotonic()
        self._rich: RichProgress | None = None
        self._forward = _FORWARD.get()
        self._silent = _SILENT.get() or self._forward is not None
        if not self._silent and sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            self._rich = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                RemainingColumn(),
                console=Console(stderr=True),
                # Lines printed meanwhile appear above the bar; in a file or pipe they have to arrive there.
                redirect_stdout=sys.stdout.isatty(),
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
        if self._forward:
            self._forward(count, failed, 0)
        if self._rich:
            self._rich.update(self._task, advance=count, note=self._note())
        elif not self._silent and time.monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed = time.monotonic()
            facts = (f"{self.done}/{self.total} {self.unit}", self._note(), self._eta())
            log.info("%s: %s", self.label, ", ".join(filter(None, facts)))

    def leave_out(self, count: int) -> None:
        """`count` fewer are left: another process has finished them."""
        self.total -= count
        if self._forward:
            self._forward(0, 0, count)
        if self._rich:
            self._rich.update(self._task, total=self.total)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich:
            self._rich.stop()

    def _note(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        rate = self.done / max(time.monotonic() - self._started, 1e-9)
        return f"{rate:.1f} {self.unit}/s{failed}"

    def _eta(self) -> str:
        return estimate_remaining(self.done, self.total, time.monotonic() - self._started)


def format_duration(seconds: float) -> str:
    """Duration in the largest unit of which it has at least two, for example "3.5 hours" or "90 seconds"."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"
