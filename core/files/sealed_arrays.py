"""Arrays in a .npz file that are compared with what was written when they are read."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from unmask.core.files import sealed_files
from unmask.core.files.damage import Damaged


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a .npz file, without pickle. `Damaged` where it is not what was written."""
    return read_arrays_with_digest(path)[0]


def read_arrays_with_digest(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """The same, and the checksum; "" for a file without one."""
    content, digest = sealed_files.read_archive(path)
    try:
        with np.load(content, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}, digest
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise Damaged(f"{path}: damaged, not arrays ({error})") from error


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], *, compress: bool = False) -> str:
    """Write a .npz file, atomically; its checksum."""
    content = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(content, **arrays)  # type: ignore[arg-type]
    return sealed_files.write_archive(path, content.getbuffer())
