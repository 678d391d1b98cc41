"""Parquet files that are compared with what was written when they are read.

The digest of the values is in the metadata of the schema, so that a table and its checksum are one file. Parquet's own
checksums cover the pages and leave the footer out: with one bit flipped there, one file of six is read as other values.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unmask.core.atomic_files import create_file
from unmask.core.files.damage import Damaged as Damaged

KEY = b"unmask-sha256"


def write_table(path: Path, table: pa.Table) -> str:
    """Write Parquet (zstd), atomically, with the digest of its values and metadata; the digest."""
    about = {key: value for key, value in (table.schema.metadata or {}).items() if key != KEY}
    digest = hash_table(table)
    sealed = table.replace_schema_metadata(about | {KEY: digest})
    with create_file(path) as temporary:
        pq.write_table(sealed, temporary, compression="zstd")
    return digest.decode()


def read_digest(path: Path) -> str:
    """The digest that `write_table` gave, from the end of the file; "" in a file of an earlier version.

    The values are not read. `OSError` or `pa.ArrowException` where it cannot be read.
    """
    digest: bytes = (pq.read_schema(path).metadata or {}).get(KEY, b"")
    return digest.decode("ascii", "replace")


def read_table(path: Path) -> pa.Table:
    """The table, without the digest. A file of an earlier version, which has none, is read as it is.

    `Damaged` where a value differs; `OSError` or `pa.ArrowException` where it cannot be read.
    """
    try:
        table = pq.read_table(path)
        about = dict(table.schema.metadata or {})
        sealed = about.pop(KEY, None)
        table = table.replace_schema_metadata(about or None)
        if sealed is None or sealed == hash_table(table):
            return table
    except UnicodeDecodeError as error:  # a name of a column
        raise Damaged(f"{path}: damaged since it was written") from error
    raise Damaged(f"{path}: damaged since it was written")


def hash_table(table: pa.Table) -> bytes:
    """64 hex digits of SHA-256 over names, types, metadata and values, however they are divided into chunks."""
    digest = hashlib.sha256()
    about = {key.hex(): value.hex() for key, value in (table.schema.metadata or {}).items() if key != KEY}
    types = [(field.name, _name_type(field.type)) for field in table.schema]
    digest.update(json.dumps([types, table.num_rows, about], sort_keys=True).encode("utf-8", "surrogatepass"))
    for column in table.columns:
        _hash_column(digest, column)
    return digest.hexdigest().encode()


def _name_type(kind: pa.DataType) -> str:
    """Parquet renames the field inside of a list."""
    return f"list of {_name_type(kind.value_type)}" if pa.types.is_list(kind) else str(kind)


def _hash_column(digest: Any, column: pa.ChunkedArray) -> None:
    digest.update(pc.is_valid(column).to_numpy().tobytes())
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        digest.update(pc.fill_null(pc.list_value_length(column), 0).to_numpy().tobytes())
        _hash_column(digest, pc.list_flatten(column))
    elif pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind):
        digest.update(pc.fill_null(pc.binary_length(column), 0).to_numpy().tobytes())
        for chunk in column.chunks:  # the bytes one after another: an array without nulls, sliced to its own part
            values = pc.drop_null(chunk).cast(pa.large_binary())
            if len(values):
                offsets, data = values.buffers()[1:]
                bounds = memoryview(offsets).cast("q")
                begin, end = bounds[values.offset], bounds[values.offset + len(values)]
                digest.update(memoryview(data)[begin:end] if data is not None else b"")
    elif pa.types.is_null(kind):
        return
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        digest.update(pc.fill_null(column, False if pa.types.is_boolean(kind) else 0).to_numpy().tobytes())
    else:
        digest.update(json.dumps(column.to_pylist(), default=str).encode("utf-8", "surrogatepass"))
