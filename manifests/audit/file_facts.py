"""Facts that take a look into the files: read once by workers that may die, then kept beside the manifest.

<name>.parquet, one row a file: media_id, content (as in the manifest when it was read), the facts, and
    problem   why there are none, such as "unreadable: ..."; null where there are
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unmask.core.atomic_files import create_file
from unmask.core.errors import BadMedia
from unmask.core.process_pool import Failure, run_isolated
from unmask.core.progress import Progress
from unmask.manifests.manifest import Manifest

FORMAT = "unmask-audit-facts"
SAVED_EVERY = 5_000  # files: what a killed audit loses at most

Task = tuple[str, str, str]
"""media_id, content, path."""
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FactKind:
    """One file of kept facts."""

    name: str
    version: int
    """To be raised when `read` gives other facts for the same file."""
    columns: tuple[tuple[str, pa.DataType], ...]
    read: Callable[[Path], Facts]
    """A value for each column, from one file; `BadMedia` or OSError where there are none. Importable by a worker."""
    chunk: int
    """Files a task."""
    timeout_s: float
    """For one file."""

    @property
    def schema(self) -> pa.Schema:
        ids = [("media_id", pa.string()), ("content", pa.string())]
        return pa.schema([*ids, *self.columns, ("problem", pa.string())])


def kept_facts(kind: FactKind, wanted: Manifest, folder: Path, workers: int) -> tuple[pa.Table, int]:
    """The facts of each row of `wanted`, in its order, and how many files were read for them.

    What is in `folder` already is not read again, unless the file has changed, was not there, or its reader died or
    took too long. Stop it anywhere and run it again.
    """
    path = folder / f"{kind.name}.parquet"
    known = _stored(kind, path)
    todo = wanted.table.filter(pc.invert(pc.is_in(_keys(wanted.table), value_set=_keys(known))))
    made: list[Facts] = []
    with Progress(kind.name, todo.num_rows, "files") as progress:
        for row in _made(kind, _tasks(Manifest(todo, wanted.roots)), workers):
            made.append(row)
            progress.advance(failed=int(row["problem"] is not None))
            if len(made) == SAVED_EVERY:
                known, made = _save(kind, path, known, made), []
    known = _save(kind, path, known, made) if made else known
    return known.take(pc.index_in(_keys(wanted.table), value_set=_keys(known))), todo.num_rows


def read_all(read: Callable[[Path], Facts], tasks: tuple[Task, ...]) -> list[Facts]:
    """The work of one task in a worker process."""
    return [_row(task, *_facts(read, Path(task[2]))) for task in tasks]


def _facts(read: Callable[[Path], Facts], path: Path) -> tuple[Facts, str | None]:
    try:
        return read(path), None
    except BadMedia as error:
        return {}, f"{error.reason}: {error.problem}"
    except FileNotFoundError:
        return {}, "vanished: no such file"
    except OSError as error:
        return {}, f"unreadable: {error.strerror or type(error).__name__}"


def _row(task: Task, facts: Facts, problem: str | None) -> Facts:
    return {"media_id": task[0], "content": task[1], **facts, "problem": problem}


def _tasks(todo: Manifest) -> Iterator[Task]:
    for row in todo.rows():
        yield row.media_id, row.content, str(todo.locate(row))


def _made(kind: FactKind, tasks: Iterator[Task], workers: int) -> Iterator[Facts]:
    """A row for each task. A chunk whose process hung or died is done again file by file."""
    chunks: Iterator[tuple[Task, ...]] = iter(lambda: tuple(islice(tasks, kind.chunk)), ())
    read = partial(read_all, kind.read)
    limit = kind.timeout_s * kind.chunk
    for chunk, found in run_isolated(read, chunks, workers=workers, timeout_s=limit):
        if not isinstance(found, Failure):
            yield from found
            continue
        singles = [(task,) for task in chunk]
        for (task,), again in run_isolated(read, singles, workers=1, timeout_s=kind.timeout_s):
            yield _row(task, {}, f"{again.reason}: {again.problem}") if isinstance(again, Failure) else again[0]


def _keys(table: pa.Table) -> pa.Array:
    """(R,) one string for a file and its content."""
    if not table.num_rows:
        return pa.array([], pa.string())
    joined = pc.binary_join_element_wise(table.column("media_id"), table.column("content"), ":")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _stored(kind: FactKind, path: Path) -> pa.Table:
    """What is kept in `path`; nothing where it is not there, foreign, damaged or of another version."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return kind.schema.empty_table()
    about = json.loads((table.schema.metadata or {}).get(FORMAT.encode(), b"{}"))
    if about != _about(kind) or table.schema.names != kind.schema.names:
        return kind.schema.empty_table()
    again = pc.fill_null(pc.match_substring_regex(table.column("problem"), "^(timeout|crashed|vanished)"), False)
    return table.replace_schema_metadata(None).filter(pc.invert(again))


def _save(kind: FactKind, path: Path, known: pa.Table, made: list[Facts]) -> pa.Table:
    """`known` and `made` on disk; of a file with a new content only the new facts."""
    new = pa.Table.from_pylist(made, schema=kind.schema)
    old = known.filter(pc.invert(pc.is_in(known.column("media_id"), value_set=new.column("media_id").combine_chunks())))
    table = pa.concat_tables([old, new]).combine_chunks()
    with create_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata({FORMAT: json.dumps(_about(kind))}), temporary, compression="zstd")
    return table


def _about(kind: FactKind) -> dict[str, Any]:
    return {"name": kind.name, "version": kind.version}
