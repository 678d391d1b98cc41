"""Facts measured from the files of a manifest, kept in a Parquet file beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from unmask.core.errors import MissingInput
from unmask.core.fact_table import Arguments, Completed, FactTable, complete_table
from unmask.manifests.manifest import Manifest


def measure_files(spec: FactTable, files: Manifest, path: Path, workers: int, columns: Sequence[str] = ()) -> Completed:
    """`complete_table` for the rows of `files`. `spec.measure` gets the path of a file and its row's `columns`.

    A file outside its dataset's folder is not opened: its problem is "refused".
    """

    def locate(missing: pa.Table) -> Iterator[Arguments]:
        for row in files.with_table(missing).rows():
            try:
                yield files.locate(row), *(getattr(row, name) for name in columns)
            except MissingInput as error:
                yield error

    return complete_table(spec, path, files.table, locate, workers)
