"""Which of many sealed files are not as they were written, by the endings of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from unmask.core.errors import raise_read_failure
from unmask.core.files import sealed_arrays, sealed_files, sealed_tables, sealed_tensors

READERS: dict[str, Callable[[Path], Any]] = {
    ".json": sealed_files.read_json,
    ".jsonl": sealed_files.read_lines,
    ".pth": sealed_files.read_archive,
    ".npz": sealed_arrays.read_arrays,
    ".parquet": sealed_tables.read_table,
    ".safetensors": sealed_tensors.check_tensors,
}


def find_damaged_files(paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` that are damaged. Files of other kinds are passed over, those without a checksum are parsed.

    `OSError` where the disk or the network failed.
    """
    return [path for path in paths if path.suffix in READERS and not _is_whole(path)]


def _is_whole(path: Path) -> bool:
    try:
        READERS[path.suffix](path)
    except FileNotFoundError:  # replaced meanwhile
        return True
    except (OSError, ValueError, pa.ArrowException) as error:
        raise_read_failure(error)
        return False
    return True
