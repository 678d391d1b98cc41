"""Run a function over many items in worker processes: a hang or a native crash costs only that item."""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from unmask.core.errors import BadMedia, Reason

Item = TypeVar("Item")
Result = TypeVar("Result")

# Enough that workers never wait for the parent, few enough that finished results stay small in memory.
IN_FLIGHT_PER_WORKER = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason why one item has no result."""

    reason: Reason
    problem: str


class _Worker(ForkServerProcess):
    """A process that does not import the caller's script, which would otherwise run again in every worker unless it
    is guarded by `if __name__ == "__main__"`.
    """

    _starting = threading.Lock()

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        # multiprocessing sends the name and file of the module that is called __main__ at this moment.
        with _Worker._starting:
            script = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                return ForkServerProcess._Popen(process_obj)
            finally:
                sys.modules["__main__"] = script


class _Context(ForkServerContext):
    Process = _Worker


def count_cores() -> int:
    return len(os.sched_getaffinity(0))


def run_isolated(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    timeout_s: float,
    initializer: Callable[[], None] | None = None,
    preload: Sequence[str] = (),
    memory_gib: float | None = None,
) -> Iterator[tuple[Item, Result | Failure]]:
    """Yield (item, result or Failure) in the order of `items`.

    `function` must be importable by a new process. Workers are forked from a clean server process, so they inherit
    none of this process's locks, threads or decoder handles. `preload` names modules that the server imports once for
    all workers and for those that replace a dead one; it counts when this process has not started the server before.
    `memory_gib`: what a worker may allocate beyond what it starts with. `BadMedia` raised by the function, a timeout,
    too little memory and a died process become a `Failure`; any other exception is our bug and is raised here.
    """
    context = _Context()
    context.set_forkserver_preload(list(preload))
    pending: deque[tuple[Item, ProcessFuture[Any]]] = deque()
    with ProcessPool(
        max_workers=workers, context=context, initializer=_begin, initargs=(memory_gib, initializer)
    ) as pool:
        try:
            for item in items:
                pending.append((item, pool.schedule(function, args=[item], timeout=timeout_s)))
                if len(pending) >= workers * IN_FLIGHT_PER_WORKER:
                    yield _outcome(*pending.popleft(), timeout_s, memory_gib)
            while pending:
                yield _outcome(*pending.popleft(), timeout_s, memory_gib)
        except BaseException:
            pool.stop()
            raise


def _begin(memory_gib: float | None, initializer: Callable[[], None] | None) -> None:
    """Once a worker process."""
    if initializer is not None:
        initializer()
    if memory_gib is not None:
        # Private writable memory. Not the address space: CUDA and thread pools reserve many times what they use.
        limit = _data_bytes() + round(memory_gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _data_bytes() -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


def _outcome(
    item: Item, future: ProcessFuture[Any], timeout_s: float, memory_gib: float | None
) -> tuple[Item, Result | Failure]:
    try:
        return item, future.result()
    except BadMedia as error:
        return item, Failure(error.reason, f"{error.problem}. {error.remedy}".rstrip())
    except MemoryError:
        return item, Failure("memory", f"it needs more than {memory_gib or 0:g} GiB of memory")
    except FutureTimeout:
        return item, Failure("timeout", f"not finished within {timeout_s:g} s")
    except ProcessExpired as error:
        return item, Failure("crashed", f"the worker process died (exit code {error.exitcode})")
