"""Parts of a stage as tasks and actors of Ray."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

from unmask.core.crashes import AGAIN, read_message
from unmask.core.engines.cluster import Need
from unmask.core.engines.remote_part import Counts, Outcome, Site, run_part
from unmask.core.errors import MachineFailed
from unmask.core.progress import Progress

Part = TypeVar("Part")
Result = TypeVar("Result")
Slot = Callable[[int, Any], Any]
"""Begins a part with its number; gives Ray's reference to its outcome."""

log = logging.getLogger("unmask")

RETRIES = 5
"""Times that Ray does a part again whose worker died."""
QUEUED_PER_ACTOR = 2
"""Parts of an actor: one that it does, and one that waits, so that it is never idle."""
AHEAD_PER_SLOT = 8
"""Parts that may be finished before one that takes long: their results wait in memory."""
POLL_S = 0.5
GIB = 1024**3
END = object()


class RayCluster:
    """The cluster that this process is connected to; see `core.engines.cluster.Cluster`."""

    def __init__(self, ray: Any, site: Site) -> None:
        self._ray, self._site = ray, site
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus = [int(each["CPU"]) for each in alive if each.get("CPU", 0) >= 1]
        if not cpus:
            raise MachineFailed("the Ray cluster has no CPUs", "add a machine to it: ray start --address HOST:PORT")
        self.cpus, self.machine_cpus, self.machines = sum(cpus), min(cpus), len(cpus)
        self.gpus = sum(int(each.get("GPU", 0)) for each in alive)
        self._memory = min(each.get("memory", 0.0) for each in alive if each.get("CPU", 0) >= 1)
        self._tally = ray.remote(num_cpus=0, max_restarts=-1)(_Tally).remote()
        self._numbers, self._warned = count(), set[str]()

    def run_tasks(
        self,
        function: Callable[[Part], Result],
        parts: Iterable[Part],
        *,
        bar: Progress | None = None,
        need: Need | None = None,
        most: int | None = None,
    ) -> Iterator[Result]:
        task = self._ray.remote(_run_task).options(
            **self._as_options(need or Need()), max_retries=RETRIES, scheduling_strategy="SPREAD"
        )

        def begin(number: int, part: Part) -> Any:
            return task.remote(function, part, number, self._site, self._tally)

        room = self.count_slots(need or Need())
        # Without a limit, as many wait as are done: a worker that ends one begins the next at once.
        slots = 2 * room if most is None or most >= room else most
        yield from self._collect(parts, [begin] * slots, {}, bar)

    def run_actors(
        self,
        make: Callable[[], Callable[[Part], Result]],
        parts: Iterable[Part],
        *,
        bar: Progress | None = None,
        need: Need,
        count: int,
    ) -> Iterator[Result]:
        kind = self._ray.remote(_Actor).options(
            **self._as_options(need),
            max_restarts=RETRIES,
            max_task_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )
        # Without the tally: Ray warns of an actor that it could not start again if the handle of another were lost.
        actors = [kind.remote(make, self._site) for _ in range(count)]
        try:
            # An actor gets parts when it has begun: on a busy cluster that may be after the others have done them all.
            slots = {actor.begin.remote(): self._make_slot(actor) for actor in actors}
            yield from self._collect(parts, [], slots, bar)
        finally:
            for actor in actors:
                with suppress(Exception):
                    self._ray.kill(actor)

    def _make_slot(self, actor: Any) -> Slot:
        return lambda number, part: actor.run.remote(number, part, self._tally)

    def count_slots(self, need: Need) -> int:
        room = [self.cpus // need.cpus]
        room += [self.gpus // need.gpus] if need.gpus else []
        room += [int(self._memory // (need.memory_gib * GIB)) * self.machines] if need.memory_gib else []
        return max(1, min(room))

    def _as_options(self, need: Need) -> dict[str, Any]:
        options: dict[str, Any] = {"num_cpus": need.cpus, "num_gpus": need.gpus}
        if need.memory_gib:
            options["memory"] = int(min(need.memory_gib * GIB, self._memory))
        return options

    def _collect(
        self, parts: Iterable[Any], slots: Sequence[Slot], begun: dict[Any, Slot], bar: Progress | None
    ) -> Iterator[Any]:
        """Give the parts to `slots`, and to those of `begun` whose reference is ready; yield the results in order."""
        waiting, free, starting = iter(parts), deque(slots), dict(begun)
        running: dict[Any, tuple[int, int, Slot]] = {}
        results: dict[int, Any] = {}
        most_ahead = AHEAD_PER_SLOT * (len(slots) + QUEUED_PER_ACTOR * len(begun))
        shown = _Shown(bar)
        given = yielded = 0
        more = True
        try:
            while True:
                while more and free and given - yielded < most_ahead:
                    part = next(waiting, END)
                    if part is END:
                        more = False
                        break
                    number, slot = next(self._numbers), free.popleft()
                    running[slot(number, part)] = given, number, slot
                    given += 1
                if not running and not more:
                    return
                ready, _ = self._ray.wait([*running, *starting], num_returns=1, timeout=POLL_S)
                for reference in ready:
                    if reference in starting:
                        self._get(reference)
                        free.extend([starting.pop(reference)] * QUEUED_PER_ACTOR)
                        continue
                    position, number, slot = running.pop(reference)
                    outcome = self._get(reference)
                    self._warn(outcome.warnings)
                    if outcome.error is not None:
                        raise outcome.error
                    shown.update({number: outcome.counts})
                    results[position] = outcome.value
                    free.append(slot)
                self._ask(shown)
                while yielded in results:
                    yield results.pop(yielded)
                    yielded += 1
        finally:
            for reference in running:
                with suppress(Exception):
                    self._ray.cancel(reference, force=not begun)

    def _get(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            if isinstance(error.cause, Exception):
                raise error.cause from error  # a bug, with the place where it was raised
            raise
        except errors.RayError as error:
            problem = f"Ray gave a part up after {RETRIES + 1} workers died: {read_message(error)}"
            raise MachineFailed(problem, AGAIN) from error

    def _ask(self, shown: _Shown) -> None:
        """Update the bar from what the workers told meanwhile, at most so often."""
        if shown.bar is None or time.monotonic() - shown.asked < POLL_S:
            return
        shown.asked = time.monotonic()
        # A tally that cannot be asked costs nothing but the progress.
        with suppress(self._ray.exceptions.RayError):
            shown.update(self._ray.get(self._tally.take.remote(), timeout=POLL_S))

    def _warn(self, warnings: Iterable[str]) -> None:
        """Log what several workers warn of once."""
        for line in warnings:
            if line not in self._warned:
                self._warned.add(line)
                log.warning("%s", line)


class _Shown:
    """What of the parts is in a bar. A part that is done again never takes anything back."""

    def __init__(self, bar: Progress | None) -> None:
        self.bar = bar
        self.asked = time.monotonic()
        self._counts: dict[int, Counts] = {}

    def update(self, counts: dict[int, Counts]) -> None:
        if self.bar is None:
            return
        for number, now in counts.items():
            before = self._counts.get(number, Counts())
            most = Counts(
                max(now.done, before.done), max(now.failed, before.failed), max(now.left_out, before.left_out)
            )
            if most.left_out > before.left_out:
                self.bar.leave_out(most.left_out - before.left_out)
            if most.done > before.done:
                self.bar.advance(most.done - before.done, failed=most.failed - before.failed)
            self._counts[number] = most


class _Tally:
    """An actor that keeps what workers tell of their parts until the command asks."""

    def __init__(self) -> None:
        self._counts: dict[int, Counts] = {}

    def put(self, number: int, counts: Counts) -> None:
        self._counts[number] = counts

    def take(self) -> dict[int, Counts]:
        counts, self._counts = self._counts, {}
        return counts


class _Actor:
    """A worker that makes its function once, with the first part: an error there is one of the part."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]], site: Site) -> None:
        self._make, self._site = make, site
        self._function: Callable[[Any], Any] | None = None

    def begin(self) -> None:
        """Ready when this actor has its place."""

    def run(self, number: int, part: Any, tally: Any) -> Outcome:
        return _run(self._call, part, number, self._site, tally)

    def _call(self, part: Any) -> Any:
        if self._function is None:
            self._function = self._make()
        return self._function(part)


def _run_task(function: Callable[[Any], Any], part: Any, number: int, site: Site, tally: Any) -> Outcome:
    return _run(function, part, number, site, tally)


def _run(function: Callable[[Any], Any], part: Any, number: int, site: Site, tally: Any) -> Outcome:
    return run_part(function, part, site, lambda counts: tally.put.remote(number, counts))
