"""Findings of a scan: ignored files and conflicts, for its report and for findings.parquet beside the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from unmask.core.crashes import CRASHED, as_run_error, describe_crash, is_crash, read_message
from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.files import sealed_tables
from unmask.core.files.read_failures import raise_disk_failure
from unmask.core.files.sealed_tables import Damaged
from unmask.core.stage_report import StageReport

FILE = "findings.parquet"
SCHEMA = pa.schema([(name, pa.string()) for name in ("kind", "dataset", "path", "problem", "remedy")])


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file that is not in the manifest, or a folder that was not read."""

    dataset: str
    """Empty for entries outside all datasets."""
    path: str
    """Relative to the dataset's root, or to the data root outside all datasets; non-UTF-8 bytes as \\xNN."""
    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Contradicting information, or a file that the user should check."""

    dataset: str
    path: str
    """As in `Ignored`; absolute outside the dataset's root."""
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}. {self.remedy}"


class Trouble(NamedTuple):
    """Problem of a file that is used nevertheless."""

    problem: str
    remedy: str


def as_trouble(error: Exception, path: Path, then: str) -> Trouble:
    """Why `path` cannot be read, and what follows. Raises `error` where it ends the run (core/crashes.py)."""
    if as_run_error(error):
        raise error
    raise_disk_failure(error)
    if isinstance(error, OSError):
        return Trouble(f"cannot be read ({error.strerror or read_message(error)}), so {then}", "Check its permissions")
    return Trouble(f"{CRASHED}{describe_crash(error, path)}, so {then}", "Please report it")


class Refused(NamedTuple):
    """Why a file is left out although it looks like a file of the dataset."""

    reason: str
    remedy: str


@dataclass
class ScanReport(StageReport):
    """`skipped` counts files that are unchanged since an earlier scan."""

    ignored: list[Ignored] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    def list_crashes(self) -> list[str]:
        """With those of sidecars, lists and datasets, which are conflicts."""
        problems = (conflict.problem.removeprefix("left out: ") for conflict in self.conflicts)
        return [*super().list_crashes(), *filter(is_crash, problems)]

    def as_json(self) -> dict[str, object]:
        counted: dict[str, dict[str, int]] = {}
        for (dataset, reason), number in sorted(Counter((one.dataset, one.reason) for one in self.ignored).items()):
            counted.setdefault(dataset, {})[reason] = number
        conflicts = [
            {"dataset": one.dataset, "path": one.path, "problem": one.problem, "remedy": one.remedy}
            for one in self.conflicts
        ]
        return super().as_json() | {"ignored": counted, "conflicts": conflicts}


def write_findings(path: Path, report: ScanReport) -> None:
    """Columns kind ("ignored" or "conflict"), dataset, path, problem, remedy ("" for ignored files)."""
    columns: list[list[str]] = [[], [], [], [], []]
    for conflict in report.conflicts:
        _add(columns, "conflict", conflict.dataset, conflict.path, conflict.problem, conflict.remedy)
    for ignored in report.ignored:
        _add(columns, "ignored", ignored.dataset, ignored.path, ignored.reason, "")
    sealed_tables.write_table(path, pa.table(columns, schema=SCHEMA))


def read_findings(path: Path) -> tuple[list[Ignored], list[Conflict]]:
    """`MissingInput` when the table is missing or of another kind."""
    remedy = "unmask scan /path/to/datasets"
    try:
        table = sealed_tables.read_table(path)
    except FileNotFoundError as error:
        raise MissingInput(f"{path}: the findings of the scan are missing", remedy) from error
    except (OSError, Damaged, pa.ArrowException) as error:
        raise_read_failure(error)
        raise MissingInput(f"{path}: not a readable Parquet file ({error})", remedy) from error
    if table.schema.names != SCHEMA.names:
        raise MissingInput(f"{path}: not the findings of a scan", remedy)
    ignored: list[Ignored] = []
    conflicts: list[Conflict] = []
    for line in table.to_pylist():
        if line["kind"] == "ignored":
            ignored.append(Ignored(line["dataset"], line["path"], line["problem"]))
        else:
            conflicts.append(Conflict(line["dataset"], line["path"], line["problem"], line["remedy"]))
    return ignored, conflicts


def escape_non_utf8(name: str) -> str:
    """`name` with non-UTF-8 bytes as \\xNN, so that it can be stored and shown."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def escape_unprintable(text: Any) -> str:
    """`text` on one line in UTF-8, with control characters escaped."""
    shown = str(text).encode("utf-8", "backslashreplace").decode()
    if shown.isprintable():
        return shown
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in shown)


def _add(columns: list[list[str]], *values: Any) -> None:
    for column, value in zip(columns, values, strict=True):
        column.append(escape_non_utf8(value))


def list_ignored(dataset: str, left_out: Iterable[tuple[str, str]]) -> list[Ignored]:
    """Findings of `dataset` from the (path, reason) pairs of a walk."""
    return [Ignored(dataset, path, reason) for path, reason in left_out]
