"""Parts of an HDF5 file that somebody else made: only what lies plainly inside the file itself is read.

HDF5 can name other files (external and soft links, external storage, virtual datasets), claim sizes that nothing fills
(chunks, compression, values that were never written) and hold references and Python objects. No export has any of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

BEYOND = (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, RuntimeError)
"""What h5py raises for damaged files, beside RecursionError (a RuntimeError) of JSON."""


def get_group(parent: Any, name: str) -> Any:
    return _get_inside(parent, name, h5py.Group)


def get_dataset(group: Any, name: str) -> Any:
    """`KeyError` for a dataset that is elsewhere; `ValueError` for one that its file does not hold byte for byte."""
    found = _get_inside(group, name, h5py.Dataset)
    if found.external or found.is_virtual:
        raise KeyError(f"no {name}")
    if found.shape is None or found.dtype.hasobject or found.dtype.kind not in "iufS":
        raise ValueError(f"{name} of type {found.dtype}")
    size = found.dtype.itemsize * int(np.prod([int(length) for length in found.shape], dtype=object))
    if found.chunks is not None or found.id.get_storage_size() != size:
        raise ValueError(f"{name} {found.shape} is not stored as it is")
    if size > Path(found.file.filename).stat().st_size:
        raise ValueError(f"{name} {found.shape} is larger than the file")
    return found


def read_array(group: Any, name: str, kinds: str) -> NDArray[Any]:
    """(N,) of a type whose kind is one of `kinds`, as numpy names them ("i", "f", "S")."""
    found = get_dataset(group, name)
    if found.ndim != 1 or found.dtype.kind not in kinds:
        raise ValueError(f"{name} {found.shape} of type {found.dtype}")
    array: NDArray[Any] = found[()]
    return array


def read_names(group: Any, name: str) -> list[str]:
    return [value.decode() for value in read_array(group, name, "S").tolist()]


def read_bytes(group: Any, name: str) -> bytes:
    return read_array(group, name, "u").astype(np.uint8).tobytes()


def read_json(group: Any, name: str, kind: type) -> Any:
    """Value of the attribute `name`, of this type. `ValueError` for another."""
    value = json.loads(group.attrs[name])
    if not isinstance(value, kind):
        raise ValueError(f"{name} is no {kind.__name__}")
    return value


def _get_inside(group: Any, name: str, kind: type) -> Any:
    """Links are refused: they could lead to any file of this machine."""
    found = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(found, kind):
        raise KeyError(f"no {name}")
    return found
