"""Faults between a command and the C library: shim.c, compiled once and preloaded, told what to do by a mapped file.

A hook in Python would see neither the files that Arrow, Zarr, FFmpeg and torch open themselves, nor a write that the
system cuts short under them. One library that is preloaded sees all of them, in every process of the command.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
OPS = ("open_read", "open_write", "read", "write", "sync", "rename", "unlink", "mkdir", "clock")
ACTIONS = ("count", "fail", "shorten", "signal_group", "signal_leader", "shift")
PREFIXES, LONGEST = 2, 512
ALWAYS = 2**62
CONTROL = "CHAOS_CONTROL"


class _Control(ctypes.Structure):
    """As `struct control` of shim.c."""

    _fields_ = [
        ("ops", ctypes.c_uint32),
        ("action", ctypes.c_uint32),
        ("number", ctypes.c_uint32),
        ("after", ctypes.c_uint32),
        ("nth", ctypes.c_uint64),
        ("times", ctypes.c_uint64),
        ("shift_s", ctypes.c_int64),
        ("matched", ctypes.c_uint64),
        ("fired", ctypes.c_uint64),
        ("counts", ctypes.c_uint64 * len(OPS) * PREFIXES),
        ("prefix", ctypes.c_char * LONGEST * PREFIXES),
    ]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the calls of one command meet."""

    action: str = "count"
    ops: Collection[str] = ()
    """The calls that count, out of OPS."""
    nth: int = 1
    """The first of them that meets the fault, from 1."""
    times: int = ALWAYS
    number: int = 0
    """The errno, or the signal."""
    after: bool = False
    """The signal comes after the call."""
    shift_s: int = 0
    """Seconds that the clock is set forward by."""

    def write(self, path: Path, prefixes: Collection[Path]) -> None:
        """The control file of one command; calls about paths below `prefixes` count."""
        control = _Control(
            ops=sum(1 << OPS.index(op) for op in self.ops),
            action=ACTIONS.index(self.action),
            number=self.number,
            after=self.after,
            nth=self.nth,
            times=self.times,
            shift_s=self.shift_s,
        )
        assert len(prefixes) <= PREFIXES
        for number, prefix in enumerate(prefixes):
            control.prefix[number].value = os.fsencode(prefix)
        path.write_bytes(bytes(control))


def read_counts(path: Path) -> list[dict[str, int]]:
    """Calls by kind that a command made, per prefix."""
    return [dict(zip(OPS, counts, strict=True)) for counts in _read(path).counts]


def count_fired(path: Path) -> int:
    """Calls of a command that met the fault."""
    return int(_read(path).fired)


def _read(path: Path) -> _Control:
    return _Control.from_buffer_copy(path.read_bytes())


def find_compiler() -> str | None:
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def compile_shim(folder: Path) -> Path:
    """The library, in `folder`. `RuntimeError` with the compiler's words where it fails."""
    compiler, library = find_compiler(), folder / "shim.so"
    if compiler is None:
        raise RuntimeError("no C compiler here: cc, gcc or clang")
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return library


def load_control(path: Path | None) -> None:
    """Let this process, in which the library is preloaded, and those forked from it obey `path`."""
    load = ctypes.CDLL(None).chaos_load
    load.argtypes = [ctypes.c_char_p]
    if load(None if path is None else os.fsencode(path)):
        raise RuntimeError(f"{path}: not a control file")
