"""What a .npz file of somebody else would take in memory, before any of it is read."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

LARGEST = 2 << 30
"""Bytes of all arrays together."""
MOST_ARRAYS = 4096


def check_array_sizes(path: Path) -> None:
    """`ValueError` for a file whose arrays are larger than LARGEST or than they say, or hold objects.

    A megabyte of compressed zeros is a gigabyte, and a header of a hundred bytes may claim more than any machine has.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if len(members) > MOST_ARRAYS or size > LARGEST:
                raise ValueError(f"{len(members)} arrays of {size} bytes")
            for member in members:
                _check_header(archive, member)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, LookupError, RuntimeError, TypeError) as error:
        raise ValueError(str(error)) from error  # RuntimeError: encrypted, or compressed in a way that zipfile lacks


def _check_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"{member.filename}: Python objects")
        if math.prod(shape) * dtype.itemsize + file.tell() != member.file_size:
            raise ValueError(f"{member.filename}: {shape} of {dtype} in {member.file_size} bytes")
