"""What the Python API returns: results that print themselves, show in a notebook and convert to a data frame."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from unmask.core.crashes import describe_crashes
from unmask.core.errors import ItemsFailed, UsageError
from unmask.core.stage_report import StageReport
from unmask.core.terminal.shown_text import escape_hidden

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import RenderableType

    from unmask.evaluation.results import Evaluation
    from unmask.evaluation.verdicts.verdict import Verdict
    from unmask.manifests.audit.results import Audit
    from unmask.manifests.manifest import Manifest
    from unmask.manifests.scan.staleness import Stale
    from unmask.result_tables.slice_table import SliceTable

log = logging.getLogger("unmask")

ROWS_SHOWN = 60
FAILURES_SHOWN = 10
SPLITS = ("train", "val", "test", None)

Row = dict[str, Any]


class Table(ABC):
    """Base of all results."""

    title = ""

    @abstractmethod
    def as_rows(self) -> list[Row]:
        """One dictionary per row, all with the same keys; None where a value has no meaning."""

    def notes(self) -> Sequence[str]:
        """Sentences shown under the table."""
        return ()

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        return pa.Table.from_pylist(self.as_rows())

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`; `UsageError` where pandas is not installed."""
        if not find_spec("pandas"):
            raise UsageError("to_pandas: pandas is not installed", 'pip install "unmask[pandas]", or call to_arrow()')
        return self.to_arrow().to_pandas()

    @property
    def table(self) -> Any:
        """A `pandas.DataFrame` where pandas is installed, else a `pyarrow.Table`."""
        return self.to_pandas() if find_spec("pandas") else self.to_arrow()

    def as_text(self) -> str:
        """As wide as the terminal that stdout is; elsewhere without any limit."""
        from rich.console import Group
        from rich.text import Text

        from unmask.core.terminal.wide_table import Column, WideTable, format_plain

        rows = self.as_rows()
        shown = rows[:ROWS_SHOWN]
        parts: list[RenderableType] = [Text(line) for line in self._beneath(rows)]
        if shown:
            named = {name: [row[name] for row in shown] for name in shown[0]}
            columns = [
                Column(
                    heading=name, cells=list(map(format_cell, values)), left=any(isinstance(one, str) for one in values)
                )
                for name, values in named.items()
            ]
            parts.insert(0, WideTable(title=self.title, names=columns[0], columns=columns[1:]))
        return format_plain(Group(*parts)).rstrip("\n")

    def __repr__(self) -> str:
        return self.as_text()

    def _repr_html_(self) -> str:
        rows = self.as_rows()
        head = "".join(f"<th>{escape(name)}</th>" for name in (rows[0] if rows else ()))
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(format_cell(value))}</td>" for value in row.values()) + "</tr>"
            for row in rows[:ROWS_SHOWN]
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self._beneath(rows))
        title = f"<p><b>{escape(self.title)}</b></p>" if self.title else ""
        return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><ul>{notes}</ul>"

    def _beneath(self, rows: Sequence[Row]) -> list[str]:
        hidden = len(rows) - ROWS_SHOWN
        return [f"{hidden} more rows: see .table"] * (hidden > 0) + list(map(escape_hidden, self.notes()))


def format_cell(value: Any) -> str:
    """A value of a row as text."""
    if value is None:
        return "n/a"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else escape_hidden(value)


class StageTable(Table, list[StageReport]):
    """What each stage did: done + skipped + failed = given."""

    def as_rows(self) -> list[Row]:
        counts = ("stage", "given", "done", "skipped", "failed")
        return [{name: report.as_json()[name] for name in counts} for report in self]

    def notes(self) -> list[str]:
        return [line for report in self for line in describe_failures(report)]

    def check(self, max_failures: float) -> Self:
        """Itself; `ItemsFailed` when a stage lost a larger fraction of its items than `max_failures`."""
        try:
            for report in self:
                report.check(max_failures)
        except ItemsFailed:
            log.warning("%s", self)
            raise
        return self


def describe_failures(report: StageReport) -> list[str]:
    """The first failed items of a stage with their reasons, how many more there are, and the unexpected errors."""
    failed = sorted(report.failed.items())[:FAILURES_SHOWN]
    lines = [escape_hidden(f"{item}: {reason}") for item, reason in failed]
    more = len(report.failed) - FAILURES_SHOWN
    return lines + [f"and {more} more"] * (more > 0) + describe_crashes(report.list_crashes())


@dataclass(repr=False)
class ManifestTable(Table):
    """The manifest: shown as counts per dataset, `.table` has one row per media file."""

    manifest: Manifest
    """`rows()` yields one `MediaRow` per file, `locate(row)` is its path on this machine."""
    reports: StageTable
    """Of the call that wrote it; empty where it was only read."""
    near_duplicates: dict[str, int] | None = None
    """Files and clusters; None unless near-duplicates were looked for."""

    def to_arrow(self) -> pa.Table:
        return self.manifest.table

    def as_rows(self) -> list[Row]:
        names = ("dataset", "label", "split")
        counted = Counter(zip(*(self.manifest.table.column(name).to_pylist() for name in names), strict=True))
        rows: dict[str, Row] = {}
        for (dataset, label, split), count in counted.items():
            empty = {"dataset": dataset, "real": 0, "fake": 0} | {name or "no split": 0 for name in SPLITS}
            row = rows.setdefault(dataset, empty)
            row["fake" if label else "real"] += count
            row[split or "no split"] += count
        return list(rows.values())

    def notes(self) -> list[str]:
        from unmask.manifests.splits.coverage import describe_left_out

        schemes = sorted(set(self.manifest.table.column("split_scheme").to_pylist()))
        left_out = describe_left_out(self.manifest)
        return [f"split: {', '.join(schemes)}", *left_out, *map(str, self.reports), *self.reports.notes()]

    def count_texts(self) -> int:
        """Files with a transcript or caption."""
        return len(self.manifest) - int(self.manifest.table.column("text").null_count)

    def as_json(self) -> dict[str, Any]:
        from unmask.manifests.splits.coverage import count_left_out, count_splits

        about: dict[str, Any] = {"rows": len(self.manifest), "splits": count_splits(self.manifest)}
        about["datasets_in_no_split"] = count_left_out(self.manifest)
        about["split_hash"] = self.manifest.split_hash
        return about if self.near_duplicates is None else about | {"near_duplicates": self.near_duplicates}


@dataclass(repr=False)
class AuditTable(Table):
    """Shortcuts, duplicates and leakage: one row per dataset and shortcut classifier."""

    details: Audit
    stale: Sequence[Stale]
    """Files that vanished or changed since the scan."""
    page: Path
    """The HTML page with everything."""

    def as_rows(self) -> list[Row]:
        about = self.details.as_json()
        groups = [(one["name"], one["probes"]) for one in about["datasets"]] + [("all datasets", about["collection"])]
        kept = ("verdict", "auc", "real", "fake")
        return [
            {"dataset": dataset, "classifier": line["name"], **{name: line[name] for name in kept}}
            for dataset, lines in groups
            for line in lines
        ]

    def notes(self) -> list[str]:
        changed = f"{len(self.stale)} files vanished or changed since the scan"
        return [*(f"flag: {flag}" for flag in self.details.flags), changed, f"page: {self.page}"]


@dataclass(repr=False)
class EvaluationTable(Table):
    """Metrics of a run per dataset, their mean ("macro") and of all items ("pooled"), with the controls' AUC."""

    details: Evaluation

    @property
    def title(self) -> str:  # type: ignore[override]
        about = self.details
        return f"{about.run}: {about.split} split, {about.split_scheme}, profile {about.profile}"

    @property
    def slices(self) -> SliceTable:
        from unmask.result_tables.slice_table import SliceTable

        return SliceTable(self.details.slices)

    def as_rows(self) -> list[Row]:
        about = self.details.as_json()
        controls = {one["name"]: {row["name"]: row["auc"] for row in one["rows"]} for one in about["controls"]}
        rows = []
        for entry in about["model"]["rows"]:
            row = {"dataset": entry["name"]}
            for name, value in entry.items():
                if name.endswith("_interval"):
                    row |= dict(zip((f"{name[:-9]}_low", f"{name[:-9]}_high"), value or (None, None), strict=True))
                elif name != "name":
                    row[name] = value
            rows.append(row | {f"auc of {name}": aucs[entry["name"]] for name, aucs in controls.items()})
        return rows

    def notes(self) -> list[str]:
        from unmask.evaluation.sentences import describe_seen, describe_shortcuts

        about = self.details
        lost = [f"{path}: {reason}" for path, reason in sorted(about.failures.items())]
        counts = f"{about.given} items = {about.scored} scored + {about.out_of_scope} out of scope"
        shortcuts = [text for text, _ in (*describe_seen(about), *describe_shortcuts(about))]
        meanings = [one.meaning for one in about.comparisons] + [one.meaning for one in about.swaps]
        return [*meanings, *shortcuts, *about.notes, f"{counts} + {len(lost)} without a score", *lost]

    def as_text(self) -> str:
        from unmask.evaluation.terminal_table import format_evaluation

        return format_evaluation(self.details)


class VerdictTable(Table, list["Verdict"]):
    """One `Verdict` per file, in the order of the files."""

    def __init__(self, verdicts: Iterable[Verdict] = (), *, skipped: int = 0) -> None:
        super().__init__(verdicts)
        self.skipped = skipped
        """Files of the folders that are not media."""

    def as_rows(self) -> list[Row]:
        from unmask.result_tables.verdict_rows import flatten_verdict

        return [flatten_verdict(verdict) for verdict in self]

    def as_text(self) -> str:
        return "\n".join(map(str, self))

    def write_html(self, path: str | Path) -> None:
        """One self-contained page; with pictures where `predict` was asked for them (docs/verdict-page.md)."""
        from unmask.evaluation.verdict_page.page import write_page

        write_page(Path(path), self)
