"""What is expensive to make stays in memory, in a process that asks for it: networks, runs, worker processes.

Without `keep_values` every value is made where it is asked for, so a command sees files as they are on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    close: Callable[[Any], object] | None


_kept: dict[Hashable, _Kept] | None = None


@contextmanager
def keep_values() -> Iterator[None]:
    """Until the block ends, values of `keep` are made once; then they are closed. A block inside another adds nothing.

    For values that one thread uses.
    """
    global _kept
    if _kept is not None:
        yield
        return
    _kept = {}
    try:
        yield
    finally:
        values, _kept = list(_kept.values()), None
        for one in values:
            if one.close is not None:
                one.close(one.value)


def is_keeping() -> bool:
    return _kept is not None


def keep(
    key: Hashable,
    make: Callable[[], Value],
    *,
    is_good: Callable[[Value], bool] | None = None,
    close: Callable[[Value], object] | None = None,
) -> Value:
    """The kept value of `key`, or a new one of `make`, which is kept where `keep_values` asks for it.

    A kept value that is no longer good is closed and made anew.
    """
    if _kept is None:
        return make()
    found = _kept.get(key)
    if found is not None and is_good is not None and not is_good(found.value):
        del _kept[key]
        if found.close is not None:
            found.close(found.value)
        found = None
    if found is None:
        found = _kept[key] = _Kept(make(), close)
    value: Value = found.value
    return value
