"""Exceptions as decoders and bugs raise them, for the tests that one bad file never ends a run.

The content of a file, or the text of an item, names the exception that its reader raises.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from decord._ffi.base import DECORDLimitReachedError


class PicklesNot(Exception):
    """Holds an object that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("holds a function")
        self.function = lambda: None


class UnpicklesNot(Exception):
    """Pickled with fewer arguments than it needs."""

    def __init__(self, code: int, *, path: str) -> None:
        super().__init__(f"code {code}")
        self.path = path


class Speechless(Exception):
    """Fails to describe itself."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class Panic(BaseException):
    """As extensions in Rust raise it."""


def recurse() -> None:
    recurse()


def raise_error(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


RAISED: dict[str, Callable[[], object]] = {
    "DECORDLimitReachedError": raise_error(DECORDLimitReachedError("recovered from nearest frames")),
    "IndexError": lambda: [][0],
    "AssertionError": raise_error(AssertionError()),
    "PicklesNot": raise_error(PicklesNot()),
    "UnpicklesNot": raise_error(UnpicklesNot(7, path="x")),
    "Speechless": raise_error(Speechless()),
    "UnicodeDecodeError": lambda: b"\xff".decode(),
    "UnicodeEncodeError": lambda: "\udcff".encode(),
    "RecursionError": recurse,
    "ZeroDivisionError": lambda: 1 // 0,
    "OverflowError": lambda: (2**99).to_bytes(2, "big"),
    "KeyError": lambda: {}["\udcff"],
    "ValueError": raise_error(ValueError("a long text" * 999)),
    "TimeoutError": raise_error(TimeoutError("of a network drive")),
    "StopIteration": lambda: next(iter(())),
    "SystemExit": lambda: sys.exit(3),
    "Panic": raise_error(Panic("at library.rs")),
}
"""Type of the exception that each action raises."""


def raise_named(name: str) -> None:
    """Raise the exception of this name; return for any other text."""
    if name in RAISED:
        RAISED[name]()


def raise_content(path: Path) -> None:
    """Raise the exception that the file's content names."""
    raise_named(path.read_bytes()[:40].decode("utf-8", "replace"))
