"""Run a function over many items in worker processes: a hang or a native crash costs only that item."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from multiprocessing import current_process, forkserver, util
from multiprocessing.context import BaseContext, ForkContext, ForkProcess, ForkServerContext, ForkServerProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from unmask.core.crashes import as_run_error, describe_crash, is_memory_error
from unmask.core.errors import BadMedia, MachineFailed, Reason, UnmaskError
from unmask.core.files.temporary_folder import PREFIX, lock_temporary_folder, remove_stale
from unmask.core.processes.stop_signals import delay_stop_signals
from unmask.core.processes.worker import begin_worker
from unmask.core.warm.kept_values import is_keeping, keep

Item = TypeVar("Item")
Result = TypeVar("Result")

# Enough that workers never wait for the parent, few enough that finished results stay small in memory.
IN_FLIGHT_PER_WORKER = 3
# A pool breaks when its only live worker dies between two items, and is made anew. So often in a row, without an item
# between, it cannot start at all.
MOST_BREAKS = 3
# What follows the temporary folder in the name of a socket of multiprocessing, and the longest name there is (unix(7)).
SOCKET_NAME = f"/{PREFIX}xxxxxxxx/listener-xxxxxxxx"
LONGEST_SOCKET_NAME = 107
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
NO_WORKERS = "see the messages above; is the installation complete, and does the machine have memory left?"


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason why one item has no result."""

    reason: Reason
    problem: str


@dataclass(frozen=True, slots=True)
class _RunEnds:
    """Outcome of an item that met a fault of the whole run."""

    error: UnmaskError


@dataclass(slots=True)
class _Pending:
    """One item without an outcome yet."""

    item: Any
    future: ProcessFuture[Any] | None = None


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


class _Copy(ForkProcess):
    """A copy of this process."""

    def start(self) -> None:
        with delay_stop_signals():
            super().start()


class _CopyContext(ForkContext):
    Process = _Copy


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
    fork: bool = False,
) -> Iterator[tuple[Item, Result | Failure]]:
    """Yield (item, result or Failure) in the order of `items`.

    `function` must be importable by a new process. Workers are forked from a clean server process, so they inherit
    none of this process's locks, threads or decoder handles. `preload` names modules that the server imports once for
    all workers and for those that replace a dead one; it counts when this process has not started the server before.
    `fork`: where `can_fork`, workers are copies of this process, which imports `preload` itself; a few files then do
    not wait until a second process has loaded the same libraries. `memory_gib`: what a worker may allocate beyond what
    it starts with. Any exception of the function, a timeout, too little memory and a died process become a `Failure`;
    only what concerns the whole run (core.crashes.as_run_error) is raised here. Within `keep_values` of core.warm the
    workers wait for the next call.
    """
    context = _make_context(preload, fork=fork and not is_keeping() and can_fork())
    rest, pending, breaks = iter(items), deque[_Pending](), 0
    while True:
        with _open_pool(workers, context, memory_gib, initializer) as pool:
            try:
                for entry in filter(_is_lost, pending):  # in a pool that broke
                    _schedule(pool, function, entry, timeout_s, memory_gib)
                while True:
                    for item in islice(rest, workers * IN_FLIGHT_PER_WORKER - len(pending)):
                        pending.append(_Pending(item))
                        _schedule(pool, function, pending[-1], timeout_s, memory_gib)
                    if not pending:
                        return
                    outcome = _wait(pool, pending[0], timeout_s)
                    breaks = 0
                    yield pending.popleft().item, outcome
            except BrokenProcessPool as error:
                breaks += 1
                if breaks == MOST_BREAKS:
                    raise MachineFailed("the worker processes end before they do anything", NO_WORKERS) from error
            except BaseException:
                if pending or not is_keeping():
                    pool.stop()
                raise


@contextmanager
def _open_pool(
    workers: int, context: BaseContext, memory_gib: float | None, initializer: Callable[[], None] | None
) -> Iterator[ProcessPool]:
    """A pool for one call, or the kept one of such workers, which a stopped or broken one is replaced by."""

    def make() -> ProcessPool:
        return ProcessPool(
            max_workers=workers, context=context, initializer=begin_worker, initargs=(memory_gib, initializer)
        )

    if not is_keeping():
        with make() as pool:
            yield pool
        return
    key = ("process pool", workers, memory_gib, initializer)
    yield keep(key, lambda: _start(make()), is_good=lambda pool: bool(pool.active), close=_stop)


def _start(pool: ProcessPool) -> ProcessPool:
    """A pool is active from its first task on."""
    pool.schedule(int)
    return pool


def _stop(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()


def can_fork() -> bool:
    """Has this process one thread, and not used a GPU? A copy of it then holds no lock that nobody gives back."""
    torch = sys.modules.get("torch")
    return threading.active_count() == 1 and not (torch and torch.cuda.is_initialized())


def start_server(preload: Sequence[str]) -> None:
    """Start the process that workers are forked from, with these modules loaded, where it does not run yet.

    For work that starts several kinds of workers in turn: the first of them alone would decide what it has loaded.
    """
    _make_context(preload, fork=False)
    forkserver.ensure_running()


def _make_context(preload: Sequence[str], *, fork: bool) -> BaseContext:
    if not fork:
        _place_sockets()
        context = _Context()
        context.set_forkserver_preload(list(preload))
        return context
    for name in preload:
        import_module(name)
    return _CopyContext()


def _place_sockets() -> None:
    """Let multiprocessing keep its sockets in a folder whose name is short enough, and that a killed process leaves to
    be found. Its own, `pymp-*`, would stay for ever.
    """
    config: dict[str, Any] = current_process()._config  # type: ignore[attr-defined]
    with _Worker._starting:
        if config.get("tempdir") is not None:
            return
        folder, _ = lock_temporary_folder(_choose_socket_place())  # locked until this process ends
        config["tempdir"] = str(folder)
        # As multiprocessing does: late at the end of the process, and never in one that is forked from it.
        util.Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=-100)


def _choose_socket_place() -> Path:
    usual = tempfile.gettempdir()
    is_short = len(os.fsencode(usual + SOCKET_NAME)) <= LONGEST_SOCKET_NAME
    return Path(usual if is_short else next((name for name in SHORT_FOLDERS if os.access(name, os.W_OK)), usual))


def remove_abandoned_folders() -> None:
    """Remove the temporary folders of killed processes, also for work that makes none of its own."""
    with suppress(OSError):  # such work goes on without a temporary folder
        for place in {Path(tempfile.gettempdir()), _choose_socket_place()}:
            remove_stale(place)


def _is_lost(entry: _Pending) -> bool:
    future = entry.future
    return future is None or not future.done() or isinstance(future.exception(), BrokenProcessPool)


def _schedule(
    pool: ProcessPool, function: Callable[[Any], Any], entry: _Pending, timeout_s: float, memory_gib: float | None
) -> None:
    try:
        entry.future = pool.schedule(_run_item, args=[function, entry.item, memory_gib], timeout=timeout_s)
    except RuntimeError as error:  # the pool broke since the last look
        raise BrokenProcessPool from error


def _wait(pool: ProcessPool, entry: _Pending, timeout_s: float) -> Any:
    """The outcome of an item, or the `Failure` of the process that worked on it."""
    assert entry.future is not None
    while not wait([entry.future], timeout=1.0).done:
        if not pool.active and not entry.future.done():  # a breaking pool forgets what it has not yet sent
            raise BrokenProcessPool
    try:
        pickled = entry.future.result()
    except FutureTimeout:
        return Failure("timeout", f"not finished within {timeout_s:g} s")
    except ProcessExpired as error:
        return Failure("crashed", f"the worker process died (exit code {error.exitcode})")
    try:
        outcome = ForkingPickler.loads(pickled)
    except Exception as error:
        return Failure("crashed", describe_crash(error))
    if isinstance(outcome, _RunEnds):
        raise outcome.error
    return outcome


def _run_item(function: Callable[[Item], Any], item: Item, memory_gib: float | None) -> bytes:
    """The pickled outcome of one item, in a worker process.

    Pickled here, because an exception or a result that cannot be pickled or unpickled would break the pool.
    """
    try:
        return bytes(ForkingPickler.dumps(function(item)))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and the panics of Rust too: a library raised it for this item
        return bytes(ForkingPickler.dumps(_explain(error, memory_gib)))


def _explain(error: BaseException, memory_gib: float | None) -> Failure | _RunEnds:
    if isinstance(error, BadMedia):
        return Failure(error.reason, f"{error.problem}. {error.remedy}".rstrip())
    if is_memory_error(error):
        limit = f"more than {memory_gib:g} GiB of" if memory_gib else "more"
        return Failure("memory", f"it needs {limit} memory")
    ending = as_run_error(error)
    return _RunEnds(ending) if ending else Failure("crashed", describe_crash(error))
