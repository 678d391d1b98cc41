"""A table is read as it was written, or refused: no flipped bit becomes another value."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from unmask.core.files.sealed_tables import Damaged, hash_table, read_table, write_table

ROWS = 301


def make_table() -> pa.Table:
    random = np.random.default_rng(0)
    columns = {
        "name": pa.array([f"id{row}" if row % 5 else None for row in range(ROWS)]),
        "split": pa.array([("train", "val", "test")[row % 3] for row in range(ROWS)]),
        "score": pa.array([value if value > 0.1 else None for value in random.random(ROWS)]),
        "count": pa.array(random.integers(0, 9, ROWS)),
        "good": pa.array([None if row % 3 == 0 else row % 2 == 0 for row in range(ROWS)]),
        "people": pa.array([["a"] * (row % 3) if row % 4 else None for row in range(ROWS)], pa.list_(pa.string())),
        "hash": pa.array([bytes([row % 256]) for row in range(ROWS)]),
        "empty": pa.nulls(ROWS, pa.string()),
    }
    return pa.table(columns).replace_schema_metadata({"about": "a note"})


def test_tables_come_back_with_their_metadata_and_no_digest(tmp_path):
    table = make_table()
    for part in (table, table.slice(13, 50), table.slice(0, 0), pa.concat_tables([table, table])):
        write_table(tmp_path / "a.parquet", part)
        assert read_table(tmp_path / "a.parquet").cast(table.schema).equals(part, check_metadata=True)


def test_the_digest_is_of_the_values_and_not_of_their_chunks():
    table = make_table()
    double = pa.concat_tables([table, table])
    assert hash_table(double) == hash_table(double.combine_chunks())
    assert hash_table(table.slice(1)) != hash_table(table.slice(0, ROWS - 1))


def test_no_flipped_bit_becomes_another_value(tmp_path):
    path, table, random = tmp_path / "a.parquet", make_table(), np.random.default_rng(1)
    write_table(path, table)
    whole, refused = path.read_bytes(), 0
    for place in random.permutation(len(whole))[:1500]:
        changed = bytearray(whole)
        changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        try:
            found = read_table(path)
        except (Damaged, OSError, pa.ArrowException):
            refused += 1
        else:
            assert found.cast(table.schema).equals(table, check_metadata=True)
    assert refused > 500


def test_a_table_that_somebody_changed_is_refused_and_one_without_a_digest_is_read(tmp_path):
    import pyarrow.parquet as pq

    path, table = tmp_path / "a.parquet", make_table()
    write_table(path, table)
    sealed = pq.read_table(path)
    pq.write_table(sealed.set_column(1, "split", pa.array(["train"] * ROWS)), path)
    with pytest.raises(Damaged, match="damaged since it was written"):
        read_table(path)
    pq.write_table(table, path)
    assert read_table(path).num_rows == ROWS
