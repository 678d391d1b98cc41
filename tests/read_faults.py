"""Files that the disk does not give: reading one by its name fails as with a broken disk or a restarted file server."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest


def fail_reads(patch: pytest.MonkeyPatch, name: str, number: int) -> list[str]:
    """Let every reading of a file called `name` fail with this errno; the paths that were asked for, as they are.

    Covers what Python opens and whole Parquet files; NumPy and zarr open chunks themselves.
    """
    asked: list[str] = []

    def check(path: Any, write: bool) -> None:
        if isinstance(path, str | os.PathLike) and Path(path).name == name and not write:
            asked.append(os.fspath(path))
            raise OSError(number, os.strerror(number), os.fspath(path))

    opening, by_descriptor, parquet = io.open, os.open, pq.read_table

    def open_file(path: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
        check(path, any(letter in mode for letter in "wax+"))
        return opening(path, mode, *given, **named)

    def open_descriptor(path: Any, flags: int, *given: Any, **named: Any) -> int:
        check(path, bool(flags & (os.O_WRONLY | os.O_RDWR)))
        return by_descriptor(path, flags, *given, **named)

    def read_table(path: Any, *given: Any, **named: Any) -> Any:
        check(path, False)
        return parquet(path, *given, **named)

    replaced: list[tuple[Any, str, Callable[..., Any]]] = [
        (builtins, "open", open_file),
        (io, "open", open_file),
        (os, "open", open_descriptor),
        (pq, "read_table", read_table),
    ]
    for place, called, function in replaced:
        patch.setattr(place, called, function)
    return asked


def read_folder(folder: Path) -> dict[str, bytes]:
    """Path in the folder -> content, of every file."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
