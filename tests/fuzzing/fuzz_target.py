"""A parser of ours with a good file, and what may come of a file that is almost like it."""

from __future__ import annotations

import os
import pickle
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from unmask.core.errors import MissingInput, UsageError

CPU_SECONDS = 20
"""Of one file: the slowest good one takes a hundredth, and a machine that is busy makes none of it slower."""
MEMORY_GIB = 1.0
"""That all files of one parser may add to the process."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Write a good file, and read what became of it."""

    write: Callable[[Path], Any]
    """Fills a folder with the files of one good example."""
    parse: Callable[[Path], Any]
    """Reads them, as the program does; what it returns is compared with `==`."""
    changed: tuple[str, ...] = ()
    """Names of the files that are changed; none: all."""
    refuses: tuple[type[Exception], ...] = (MissingInput, UsageError)
    """How the parser says that it does not read a file."""
    exact: bool = False
    """Its files carry checksums: what is read is what was written, or nothing is."""
    allowed: tuple[Any, ...] = ()
    """Beside that, what an `exact` parser may return: nothing."""
    native: bool = False
    """A library in C that a damaged file may end: read in a process of its own."""


class Hang(BaseException):
    """No `Exception`, so that no parser takes it for a bad file."""


@contextmanager
def limit_cpu() -> Iterator[None]:
    """`Hang` after CPU_SECONDS of work, however busy the machine is with something else."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {CPU_SECONDS} s of work")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def list_changed(target: Target, folder: Path) -> list[str]:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in names if not target.changed or name in target.changed]


def check_changed(target: Target, good: Path, work: Path, name: str, content: bytes, expected: Any) -> str:
    """Parse the good example with another `content` of the file `name`; "read" or "refused".

    `AssertionError` for a wrong success; every exception that is no refusal passes.
    """
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(good, work)
    (work / name).write_bytes(content)
    try:
        with limit_cpu():
            value = _parse_apart(target, work) if target.native else target.parse(work)
    except target.refuses:
        return "refused"
    if target.exact and content != (good / name).read_bytes():
        assert value == expected or value in target.allowed, "damage was read as something else"
    return "read"


def _parse_apart(target: Target, work: Path) -> Any:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            try:
                outcome: tuple[bool, Any] = (True, target.parse(work))
            except Exception as error:
                outcome = (False, error)
            with os.fdopen(writer, "wb") as file:
                pickle.dump(outcome, file)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        content = file.read()
    _, status = os.waitpid(child, 0)
    assert content, f"the process ended by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "no answer"
    read, value = pickle.loads(content)
    if not read:
        raise value
    return value


def measure_memory() -> float:
    """GiB that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
