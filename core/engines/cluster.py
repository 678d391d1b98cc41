"""What a stage asks of the machines that do parts of its work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from unmask.core.progress import Progress

Part = TypeVar("Part")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one part, or one worker that does parts, takes of its machine."""

    cpus: int = 1
    gpus: int = 0
    memory_gib: float = 0.0


class Cluster(Protocol):
    """Machines that run functions of this program. They see the files of this one under the same names.

    Parts and results are pickled, and functions are imported by name. A part whose worker dies is done again, so that
    it may run twice, even at once: what it writes has to appear whole, once. The counts of every `Progress` that it
    shows go to `bar`, if there is one. What ends a run (core.crashes.as_run_error) is raised here, and so is a bug.
    """

    cpus: int
    """Of all machines."""
    machine_cpus: int
    """Of the smallest machine."""
    gpus: int
    machines: int

    def count_slots(self, need: Need) -> int:
        """How many such parts run at once."""
        ...

    def run_tasks(
        self,
        function: Callable[[Part], Result],
        parts: Iterable[Part],
        *,
        bar: Progress | None = None,
        need: Need | None = None,
        most: int | None = None,
    ) -> Iterator[Result]:
        """function(part) of every part, in order, `most` at once (None: as many as there is room for)."""
        ...

    def run_actors(
        self,
        make: Callable[[], Callable[[Part], Result]],
        parts: Iterable[Part],
        *,
        bar: Progress | None = None,
        need: Need,
        count: int,
    ) -> Iterator[Result]:
        """make()(part) of every part, in order, by at most `count` workers that call `make` once each."""
        ...


def share_cpus(cluster: Cluster, parts: int, workers: int | None = None) -> int:
    """CPUs of each of so many parts: one, or more where they are fewer than the CPUs, or than `workers`."""
    cpus = min(cluster.cpus, workers or cluster.cpus)
    return max(1, min(cluster.machine_cpus, cpus, -(-cpus // max(1, parts))))
