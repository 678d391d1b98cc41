"""A resumable table of facts measured from files: one Parquet file, filled by isolated worker processes.

What is in the file is not measured again. A chunk whose process died or timed out is repeated file by file, so one bad
file costs one row, whatever its reader raises. Stop it anywhere and call it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unmask.core.crashes import CRASHED, as_run_error, describe_crash
from unmask.core.errors import BadMedia, MissingInput, raise_read_failure
from unmask.core.files import sealed_tables
from unmask.core.files.read_failures import read_or_stop
from unmask.core.files.sealed_tables import Damaged
from unmask.core.process_pool import Failure, run_isolated
from unmask.core.progress import Progress

# Problems that may be gone at the next call: those rows are measured again.
RETRIED = "^(timeout|crashed|vanished)"

NAMELESS = Path("a file")

Facts = dict[str, Any]
Key = tuple[str, ...]
Arguments = tuple[Any, ...] | MissingInput
"""What one file is measured from; an error refuses the file without opening it."""
Task = tuple[Key, Arguments]
Measure = Callable[..., Facts]


@dataclass(frozen=True, kw_only=True)
class FactTable:
    """Which facts are measured, and how."""

    name: str
    """Shown by the progress bar."""
    format: str
    """Key of `about` in the metadata of the Parquet file."""
    about: Mapping[str, Any]
    """What the facts depend on, such as a version. A file with another `about` is measured anew."""
    key: tuple[str, ...]
    """Text columns that identify a row. A row with the same first column is replaced when the others change."""
    columns: tuple[tuple[str, pa.DataType], ...]
    """The facts. With a text column "problem", failures are stored; without, they are tried again by every call."""
    measure: Measure
    """Arguments of one file -> its facts, importable by a worker. Any exception fails this file alone."""
    chunk: int
    """Files per task of a worker."""
    timeout_s: float
    """Per file. A chunk gets twice as long before it is repeated file by file."""
    save_every: int
    """Files that a killed call loses at most."""
    unit: str = "files"
    preload: Sequence[str] = ()
    memory_gib: float | None = None

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([*((name, pa.string()) for name in self.key), *self.columns])


@dataclass(frozen=True, kw_only=True)
class Completed:
    facts: pa.Table
    """One row per wanted row, in its order; null where the facts are unknown."""
    measured: int
    """Rows that this call measured or tried to."""
    failed: dict[Key, str]
    """Of these, key -> problem."""


def complete_table(
    spec: FactTable, path: Path, wanted: pa.Table, arguments: Callable[[pa.Table], Iterator[Arguments]], workers: int
) -> Completed:
    """Facts of every row of `wanted`, from `path` where they are known, else measured and added to `path`.

    `wanted` has the key columns. `arguments` gets the rows that are missing and yields, per row, what `spec.measure`
    is called with.
    """
    keys = _join_keys(wanted, spec.key)
    known = read_table(spec, path)
    missing = _select_missing(wanted, keys, _join_keys(known, spec.key))
    known = _drop_outdated(spec, known, missing, keys)
    fresh: list[Facts] = []
    failed: dict[Key, str] = {}
    with Progress(spec.name, missing.num_rows, spec.unit) as progress:
        try:
            for key, facts, problem in _measure_all(spec, _make_tasks(spec, missing, arguments), workers):
                if problem is not None:
                    failed[key] = problem
                if problem is None or "problem" in spec.schema.names:
                    fresh.append({**dict(zip(spec.key, key, strict=True)), "problem": problem, **facts})
                progress.advance(failed=int(problem is not None))
                if len(fresh) >= spec.save_every:
                    known, fresh = _save(spec, path, known, fresh), []
        finally:
            known = _save(spec, path, known, fresh) if fresh else known
    return Completed(
        facts=known.take(pc.index_in(keys, value_set=_join_keys(known, spec.key))),
        measured=missing.num_rows,
        failed=failed,
    )


def read_table(spec: FactTable, path: Path) -> pa.Table:
    """The rows of `path` that need no second try; none if the file is missing, foreign, damaged or outdated."""
    try:
        table = sealed_tables.read_table(path)
    except (OSError, Damaged, pa.ArrowException) as error:
        raise_read_failure(error)
        return spec.schema.empty_table()
    about = json.loads((table.schema.metadata or {}).get(spec.format.encode(), b"{}"))
    table = table.replace_schema_metadata(None)
    if about != dict(spec.about) or table.schema != spec.schema:
        return spec.schema.empty_table()
    if "problem" not in spec.schema.names:
        return table
    return table.filter(pc.invert(pc.fill_null(pc.match_substring_regex(table.column("problem"), RETRIED), False)))


def measure_chunk(measure: Measure, columns: pa.Schema, tasks: tuple[Task, ...]) -> list[tuple[Key, Facts, str | None]]:
    """(key, facts, problem) per task; runs in a worker process."""
    return [(key, *_measure_file(measure, columns, arguments)) for key, arguments in tasks]


def _measure_file(measure: Measure, columns: pa.Schema, arguments: Arguments) -> tuple[Facts, str | None]:
    if isinstance(arguments, MissingInput):
        return {}, f"refused: {arguments.problem}"
    path = next((argument for argument in arguments if isinstance(argument, Path)), None)
    try:
        facts = read_or_stop(path or NAMELESS, partial(measure, *arguments))
        check_storable(facts, columns)
    except BadMedia as error:
        return {}, f"{error.reason}: {'. '.join(filter(None, (error.problem, error.remedy)))}"
    except FileNotFoundError:
        return {}, "vanished: no such file"
    except Exception as error:
        if as_run_error(error):
            raise
        if isinstance(error, OSError):
            return {}, f"unreadable: {error.strerror or type(error).__name__}"
        return {}, CRASHED + describe_crash(error, path)
    return facts, facts.get("problem")


def check_storable(facts: Mapping[str, Any], columns: pa.Schema) -> None:
    """Raise for a number or text that `columns` cannot hold: one file fails, and not the table of all files.

    Not by pyarrow's own conversion, which imports pandas into every worker process.
    """
    for column in columns:
        value = facts.get(column.name)
        if value is None:
            continue
        if pa.types.is_string(column.type):
            value.encode()
        elif pa.types.is_integer(column.type) and not -1 <= int(value) >> (column.type.bit_width - 1) <= 0:
            raise OverflowError(f"{column.name} {value} has more than {column.type.bit_width} bits")
        elif pa.types.is_floating(column.type):
            float(value)


def _measure_all(spec: FactTable, tasks: Iterator[Task], workers: int) -> Iterator[tuple[Key, Facts, str | None]]:
    """(key, facts, problem) per task, in order."""
    measure = partial(measure_chunk, spec.measure, pa.schema(spec.columns))
    chunks: Iterator[tuple[Task, ...]] = iter(lambda: tuple(islice(tasks, spec.chunk)), ())
    limit_s = spec.timeout_s * min(2, spec.chunk)
    outcomes = run_isolated(
        measure, chunks, workers=workers, timeout_s=limit_s, preload=spec.preload, memory_gib=spec.memory_gib
    )
    for chunk, outcome in outcomes:
        if not isinstance(outcome, Failure):
            yield from outcome
        elif len(chunk) == 1:
            yield chunk[0][0], {}, f"{outcome.reason}: {outcome.problem}"
        else:
            yield from _measure_singly(spec, measure, chunk)


def _measure_singly(
    spec: FactTable, measure: Callable[[tuple[Task, ...]], list[Any]], chunk: tuple[Task, ...]
) -> Iterator[tuple[Key, Facts, str | None]]:
    singles = [(task,) for task in chunk]
    for (task,), outcome in run_isolated(
        measure, singles, workers=1, timeout_s=spec.timeout_s, preload=spec.preload, memory_gib=spec.memory_gib
    ):
        if isinstance(outcome, Failure):
            yield task[0], {}, f"{outcome.reason}: {outcome.problem}"
        else:
            yield outcome[0]


def _make_tasks(
    spec: FactTable, missing: pa.Table, arguments: Callable[[pa.Table], Iterator[Arguments]]
) -> Iterator[Task]:
    keys = (
        row for batch in missing.select(list(spec.key)).to_batches(max_chunksize=10_000) for row in batch.to_pylist()
    )
    for row, given in zip(keys, arguments(missing), strict=True):
        yield tuple(row[name] for name in spec.key), given


def _join_keys(table: pa.Table, key: Sequence[str]) -> pa.Array:
    """(R,) one string per row."""
    if not table.num_rows:
        return pa.array([], pa.string())
    joined = pc.binary_join_element_wise(*(table.column(name) for name in key), ":")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _select_missing(wanted: pa.Table, keys: pa.Array, known: pa.Array) -> pa.Table:
    """The rows of `wanted` that are not `known`, one per key."""
    positions = np.flatnonzero(pc.invert(pc.is_in(keys, value_set=known)).to_numpy(zero_copy_only=False))
    if not len(positions):
        return wanted.slice(0, 0)
    codes = keys.take(pa.array(positions)).dictionary_encode().indices.to_numpy()
    _, first = np.unique(codes, return_index=True)
    return wanted.take(pa.array(positions[np.sort(first)]))


def _drop_outdated(spec: FactTable, known: pa.Table, missing: pa.Table, keys: pa.Array) -> pa.Table:
    """`known` without the rows that `missing` replaces: the same file, another content."""
    again = pc.is_in(known.column(spec.key[0]), value_set=missing.column(spec.key[0]).combine_chunks())
    wanted = pc.is_in(_join_keys(known, spec.key), value_set=keys)
    return known.filter(pc.or_(pc.invert(again), wanted))


def _save(spec: FactTable, path: Path, known: pa.Table, fresh: list[Facts]) -> pa.Table:
    """Write `known` and `fresh` to `path`, sorted, so that an interrupted call ends with the same bytes."""
    table = pa.concat_tables([known, pa.Table.from_pylist(fresh, schema=spec.schema)]).combine_chunks()
    table = table.sort_by([(name, "ascending") for name in spec.key])
    about = {spec.format: json.dumps(dict(spec.about))}
    sealed_tables.write_table(path, table.replace_schema_metadata(about))
    return table
