"""Commands as processes: forked from this one, which has loaded their libraries already, or started anew."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import util
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.chaos.memory_disk import shrink_memory_disk
from benchmarks.chaos.shim import CONTROL, load_control
from benchmarks.chaos.visitor import send_visitor
from unmask.core.processes.stop_signals import CTRL_C_CODE, delay_stop_signals

PATIENCE_S = 120.0
ENDING_S = 5.0
"""Time that the processes of a command that has ended have to end too."""
SMALL_SHARDS = 8
# As `python -m unmask`, with shards so small that a few files fill several of them.
PROGRAM = f"""
import unmask.preprocess.shards.shard_plan as plan
plan.ITEMS_PER_SHARD = {SMALL_SHARDS}
from unmask.cli.app import main
"""
MAIN = "main()"
VISITED = "from benchmarks.chaos.visitor import send_visitor\nsend_visitor()\n"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a command runs."""

    temporary: Path
    """Its TMPDIR."""
    log: Path
    """What it prints."""
    answer: Path | None = None
    """What it prints on stdout, where that is its result."""
    visited: bool = False
    """It is a service: a visitor of its asks for something and stops it."""
    control: Path | None = None
    """The faults that it meets."""
    modules: Path | None = None
    """File that is to name the modules that it loaded."""
    small_memory_disk: bool = False
    """Its /dev/shm has room for two pages only."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    code: int
    """Exit code, or minus the signal that ended it."""
    seconds: float
    cpu_s: float
    """Work of the command and of the processes that it waited for."""
    hung: bool
    orphans: int
    """Processes of the command that were alive ENDING_S after it."""


class Command:
    """One command in a session of its own; the block ends it with all that belongs to it."""

    def __init__(self, arguments: Sequence[str], place: Place, *, cold: bool = False) -> None:
        self.began = time.monotonic()
        self.pid = _start_program(arguments, place) if cold else _fork(arguments, place)
        self.code: int | None = None
        self.cpu_s = 0.0

    def __enter__(self) -> Command:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kill_all()
        self.poll()

    def poll(self) -> bool:
        """Has it ended?"""
        if self.code is None:
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
                self.cpu_s = used.ru_utime + used.ru_stime
        return self.code is not None

    def wait(self, act: Callable[[float], bool] | None = None) -> Ended:
        """Wait for its end. `act` is called with its age until it returns True."""
        hung = False
        while not self.poll():
            age = time.monotonic() - self.began
            if act and act(age):
                act = None
            if age > PATIENCE_S:
                hung = True
                self._kill_all()
            time.sleep(0.002)
        seconds = time.monotonic() - self.began
        end = time.monotonic() + ENDING_S
        while (orphans := list_members(self.pid)) and time.monotonic() < end:
            time.sleep(0.01)
        self._kill_all()
        assert self.code is not None
        return Ended(code=self.code, seconds=seconds, cpu_s=self.cpu_s, hung=hung, orphans=len(orphans))

    def send(self, number: int, *, group: bool = False) -> None:
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, number)

    def list_workers(self, *, of_server: bool) -> list[int]:
        """Processes that work on items: forked from the command's server, or from the command itself."""
        members = list_members(self.pid)
        return sorted(number for number, parent in members if number != self.pid and (parent != self.pid) == of_server)

    def _kill_all(self) -> None:
        for number, _ in list_members(self.pid):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


def list_members(session: int) -> list[tuple[int, int]]:
    """(process, its parent) of all living processes of this session."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                about = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(about[3]) == session and about[0] not in "ZX":
                    found.append((int(folder.name), int(about[1])))
    return found


def _start_program(arguments: Sequence[str], place: Place) -> int:
    environment = os.environ | {"TMPDIR": str(place.temporary)}
    if place.control:
        environment[CONTROL] = str(place.control)
    pid = os.fork()
    if pid == 0:
        _take_place(place)
        program = PROGRAM + (VISITED if place.visited else "") + MAIN
        os.execve(sys.executable, [sys.executable, "-c", program, *arguments], environment)
    return pid


def _fork(arguments: Sequence[str], place: Place) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _take_place(place)
            code = _run_here(arguments, place)
        except KeyboardInterrupt:  # before the command has begun
            code = CTRL_C_CODE
        finally:
            os._exit(code)
    return pid


def _take_place(place: Place) -> None:
    os.setsid()
    if place.small_memory_disk:
        shrink_memory_disk(place.log.parent)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for path, number in ((place.answer or place.log, 1), (place.log, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _run_here(arguments: Sequence[str], place: Place) -> int:
    """Run the command in this process, and end it as the interpreter would."""
    from unmask.cli.app import main
    from unmask.preprocess.shards import shard_plan

    shard_plan.ITEMS_PER_SHARD = SMALL_SHARDS
    os.environ["TMPDIR"], tempfile.tempdir = str(place.temporary), None
    setattr(util, "spawnv_passfds", _fork_helper)  # noqa: B010
    load_control(place.control)
    if place.visited:
        send_visitor()
    code: Any = 0
    try:
        main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    if place.modules:
        place.modules.write_text("\n".join(sorted(sys.modules)))
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code or 0)


def import_all(names: Sequence[str]) -> None:
    """Import what commands loaded, so that the next ones, which are copies of this process, find it there."""
    for name in names:
        with suppress(Exception):  # names that libraries make up, or that only exist while others load
            import_module(name)


def _fork_helper(path: bytes, arguments: Sequence[Any], handles: Sequence[int]) -> int:
    """As multiprocessing starts its server and its tracker, in a copy of this process instead of a new interpreter."""
    program = os.fsdecode(arguments[-1])
    with delay_stop_signals():  # a fork in place of the start of an interpreter, which these cannot disturb
        pid = os.fork()
    if pid == 0:
        try:
            kept = {0, 1, 2, *handles}
            for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
                if number not in kept:
                    with suppress(OSError):
                        os.close(number)
            atexit._clear()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            exec(program, {})
        except SystemExit:
            pass
        finally:
            os._exit(0)
    return pid
