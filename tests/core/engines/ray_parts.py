"""What the parts of these tests do: functions that another process could import."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import ClassVar

from stub_ray import WorkerDies

from unmask.core.errors import MissingInput
from unmask.core.progress import Progress

log = logging.getLogger("unmask")


def double(number: int) -> int:
    return 2 * number


def warn(number: int) -> int:
    log.warning("the disk is slow")
    log.info("not worth a line")
    return number


def miss(number: int) -> int:
    raise MissingInput(f"{number}: no such file", "make it")


def stumble(number: int) -> int:
    raise ZeroDivisionError(f"a bug with {number}")


def die_once(marker: Path) -> str:
    """A worker that dies with half of the work done, and does all of it when it is called again."""
    with Progress("part", 4) as bar:
        bar.advance(2, failed=1)
        if not marker.exists():
            marker.touch()
            raise WorkerDies
        bar.leave_out(1)
        bar.advance(2)
    return marker.name


def die(number: int) -> int:
    raise WorkerDies


class Doubler:
    """Made once per actor."""

    made: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.made.append(len(self.made))

    def __call__(self, number: int) -> int:
        return 2 * number
