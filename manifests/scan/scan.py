"""From folders to the manifest: find datasets, read names and lists, probe headers, assign splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from unmask.core.errors import MissingInput, UsageError
from unmask.core.process_pool import available_cores
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.base import Scanned
from unmask.manifests.datasets.custom_folder import SHAPE
from unmask.manifests.findings import ScanReport, printable
from unmask.manifests.manifest import COMPRESSIONS, Compression, Manifest, MediaRow, from_rows
from unmask.manifests.scan.compression import clashing, keep_level
from unmask.manifests.scan.discovery import Found, find, unclaimed
from unmask.manifests.scan.incremental import reused
from unmask.manifests.scan.probe import probed
from unmask.manifests.scan.summary import lines, reasons
from unmask.manifests.splits.registry import parse
from unmask.manifests.splits.schemes import resplit

Say = Callable[[str], None]


def scan(
    data_root: Path,
    *,
    scheme: str = "default",
    seed: int = 0,
    workers: int | None = None,
    compression: str | None = None,
    previous: Manifest | None = None,
    full_content: bool = False,
    allow_leaks: bool = False,
    keep: Callable[[Manifest], None] | None = None,
    say: Say,
) -> tuple[Manifest, ScanReport]:
    """One row a media file of every dataset under `data_root`, in the order of datasets and paths.

    `compression`: only this level of the datasets that have several. `previous`: an earlier scan's manifest, whose
    probe results are kept for files of unchanged size and modification time. `full_content`: read every file whole for
    its `sha256`. `keep` is given the manifest before it is split, so that a refused split costs no second probing.
    `say` gets a line for each dataset (found with counts by split and label, or not found with the names tried) and for
    each conflict.
    `MissingInput` when there is no dataset at all; `UsageError` for wrong options and for a split that leaks.
    """
    parse(scheme)
    level = _level(compression)
    found = find(data_root, level)
    scanned = {dataset.key: keep_level(dataset.scan(), level) for dataset in found}
    if not any(part.rows for part in scanned.values()):
        raise MissingInput(f"{data_root}: no dataset in it{_what_was_ignored(found, scanned)}", _hint())
    report = _reported(data_root, found, scanned)
    rows = _probed(found, scanned, report, previous, workers or available_cores(), full_content)
    manifest = from_rows(rows, {dataset.key: str(dataset.root.resolve()) for dataset in found})
    if keep:
        keep(manifest)
    manifest = resplit(manifest, scheme, seed, allow_leaks=allow_leaks)
    for line in lines(data_root, found, manifest, report):
        say(line)
    return manifest, report


def _level(compression: str | None) -> Compression | None:
    level = next((known for known in COMPRESSIONS if known == compression), None)
    if compression is not None and level is None:
        raise UsageError(f"--compression {compression}: no such level", f"one of {', '.join(COMPRESSIONS)}")
    return level


def _reported(data_root: Path, found: list[Found], scanned: dict[str, Scanned]) -> ScanReport:
    """The report before anything is probed: all that names, folders and lists tell."""
    report = ScanReport(stage="scan", ignored=unclaimed(data_root, found))
    for dataset in found:
        part = scanned[dataset.key]
        report.given += len(part.rows)
        report.ignored += part.ignored
        report.conflicts += [*dataset.doubles(), *clashing(dataset.key, part.rows), *part.conflicts]
    return report


def _probed(
    found: list[Found],
    scanned: dict[str, Scanned],
    report: ScanReport,
    previous: Manifest | None,
    workers: int,
    full_content: bool,
) -> Iterator[MediaRow]:
    """The rows with what their files' headers say; `report` learns what became of each.

    Each list of `scanned` is emptied on the way: a million files shall not be in memory twice.
    """
    waiting = [(_Waiting(dataset.root, scanned[dataset.key].rows)) for dataset in found]
    if previous is not None:
        for part in waiting:
            part.reuse(previous, full_content)
    total = sum(len(part.rows) - sum(part.reused) for part in waiting)
    fresh = probed(
        (pair for part in waiting for pair in part.pending()), total=total, workers=workers, full_content=full_content
    )
    for part in waiting:
        for number, is_reused in enumerate(part.reused):
            row = part.rows[number] if is_reused else next(fresh)
            assert row is not None
            part.rows[number] = None
            if row.status == "failed":
                report.failed[f"{row.dataset}/{row.path}"] = row.reason or ""
            report.skipped += is_reused
            report.done += row.status == "ok" and not is_reused
            yield row


class _Waiting:
    """Rows of one dataset on their way to be probed."""

    def __init__(self, root: Path, rows: list[MediaRow]) -> None:
        self.root = root
        self.rows: list[MediaRow | None] = [*rows]
        """None once given away."""
        self.reused = bytearray(len(rows))
        rows.clear()

    def reuse(self, previous: Manifest, full_content: bool) -> None:
        rows = [row for row in self.rows if row is not None]
        for number, known in enumerate(reused(rows, self.root, previous, full_content=full_content)):
            if known is not None:
                self.rows[number], self.reused[number] = known, 1

    def pending(self) -> Iterator[tuple[MediaRow, Path]]:
        for row, is_reused in zip(self.rows, self.reused, strict=True):
            if row is not None and not is_reused:
                yield row, self.root / row.path


def _what_was_ignored(found: list[Found], scanned: dict[str, Scanned]) -> str:
    return "".join(
        f"; {printable(dataset.place)} looks like {dataset.key}{reasons(scanned[dataset.key].reasons)}"
        for dataset in found
    )


def _hint() -> str:
    names = ", ".join(layout.names[0] for layout in LAYOUTS.values())
    return f"give the folder that holds {names}, your own {SHAPE}, or a table with the columns path,label"
