"""SIGTERM ends a command as Ctrl-C does: workers are ended, temporary folders removed, and finished output is kept.

Schedulers and containers (`docker stop`, `timeout`, a batch system at the end of its time) stop a program with SIGTERM.
By default it would end on the spot, without any of this.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

CTRL_C_CODE = 128 + signal.SIGINT
AGAIN_S = 0.05
SIGTERM_CODE = 128 + signal.SIGTERM
"""What a shell reports of a process that a signal ended."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came. Whatever handles Ctrl-C handles it too."""


_arrived = threading.Event()
_ended_at: list[float] = []
LATE_S = 10.0
"""Time that a command has, after its work, to end its threads and remove its folders."""


def raise_on_sigterm() -> None:
    """Let SIGTERM raise `Terminated` in the main thread of this process.

    Where something else handles or ignores the signal it stays so. A process that is forked from this one ends on the
    spot, as if it had not been called: what has to be tidied up belongs to its parent.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return
    owner = os.getpid()

    def stop(number: int, frame: Any) -> None:
        if os.getpid() != owner:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if _ended_at and time.monotonic() - _ended_at[-1] < LATE_S:
            return  # it is ending
        _arrived.set()
        raise Terminated

    signal.signal(signal.SIGTERM, stop)
    sys.unraisablehook = partial(_send_again, sys.unraisablehook)


def _send_again(usual: Callable[[Any], object], lost: Any) -> None:
    """An exception that is raised while the interpreter frees an object is only printed: stop again, a bit later."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        usual(lost)
        return
    number = signal.SIGTERM if isinstance(lost.exc_value, Terminated) else signal.SIGINT
    again = threading.Timer(AGAIN_S, os.kill, (os.getpid(), number))
    again.daemon = True
    with suppress(RuntimeError):  # the interpreter ends
        again.start()


_delayed: dict[int, Any] = {}
"""Handlers that come back after `delay_stop_signals`."""


@contextmanager
def delay_stop_signals() -> Iterator[None]:
    """Within the block, SIGINT and SIGTERM wait for its end. For a fork, whose child has the usual handlers at once.

    What a handler raises in a function that libraries registered with `os.register_at_fork` is only printed, and their
    locks, such as that of `logging`, are never given back.
    """
    if threading.current_thread() is not threading.main_thread():  # handlers run in that one
        yield
        return
    arrived: list[int] = []
    owner = os.getpid()
    for number in (signal.SIGINT, signal.SIGTERM):
        if (usual := signal.getsignal(number)) not in (None, signal.SIG_IGN):
            _delayed[number] = usual
            signal.signal(number, lambda number, frame: arrived.append(number))
    try:
        yield
    finally:
        _restore_handlers()
        if arrived and os.getpid() == owner:
            os.kill(owner, arrived[0])


def _restore_handlers() -> None:
    while _delayed:
        signal.signal(*_delayed.popitem())


os.register_at_fork(after_in_child=_restore_handlers)


def ignore_late_sigterm() -> None:
    """Call it where the command's work is done: what comes now would only disturb its tidying up."""
    _ended_at.append(time.monotonic())


def is_terminated() -> bool:
    return _arrived.is_set()


def get_stop_code() -> int:
    """Exit code of a command that was stopped: 143 by SIGTERM, 130 by Ctrl-C."""
    return SIGTERM_CODE if is_terminated() else CTRL_C_CODE


def name_stop() -> str:
    return "SIGTERM" if is_terminated() else "Ctrl-C"
