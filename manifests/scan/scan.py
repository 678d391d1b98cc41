"""Build the manifest: find datasets, read names and lists, probe headers, assign splits."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from unmask.core.crashes import is_crash
from unmask.core.engines.cluster import Cluster
from unmask.core.errors import MissingInput, UsageError
from unmask.core.process_pool import count_cores
from unmask.core.sharing.partition import WHOLE, Partition
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.base import Scanned
from unmask.manifests.datasets.custom_folder import SHAPE
from unmask.manifests.datasets.file_tree import following_links
from unmask.manifests.findings import Conflict, ScanReport, as_trouble, escape_unprintable
from unmask.manifests.manifest import COMPRESSIONS, Compression, Manifest, MediaRow, from_rows
from unmask.manifests.scan.compression import find_level_conflicts, keep_level
from unmask.manifests.scan.discovery import FoundDataset, describe_tables, find_datasets, list_unclaimed
from unmask.manifests.scan.incremental import reuse_probes
from unmask.manifests.scan.overlaps import find_gaps, read_files_once
from unmask.manifests.scan.probe import probe_rows
from unmask.manifests.scan.recognition import describe_surroundings, find_deeper
from unmask.manifests.scan.summary import describe_reasons, describe_scan
from unmask.manifests.splits.registry import parse
from unmask.manifests.splits.schemes import resplit

Say = Callable[[str], None]

# Folders named by the error when nothing is found.
DEEPER_SHOWN = 5


def scan(
    data: Path | Sequence[Path],
    *,
    scheme: str = "default",
    seed: int = 0,
    workers: int | None = None,
    compression: str | None = None,
    previous: Manifest | None = None,
    full_content: bool = False,
    allow_leaks: bool = False,
    keep: Callable[[Manifest], None] | None = None,
    media_root: Path | None = None,
    follow_links: bool = False,
    partition: Partition = WHOLE,
    is_joined: bool = False,
    cluster: Cluster | None = None,
    say: Say,
) -> tuple[Manifest, ScanReport]:
    """One row per media file of every dataset in the folders `data`, in the order of datasets and paths.

    `compression`: only this level of the datasets that have several. `previous`: manifest of an earlier scan, whose
    header fields are reused for files of unchanged size and modification time. `full_content`: read every file whole
    for its `sha256`. `media_root`: folder that the paths of tables are relative to. `follow_links`: read linked folders
    too, and links to files anywhere. `keep` receives the manifest before it is split, so that a refused split costs no
    second probing. `say` receives one line per dataset (counts per split and label, or the names looked for) and per
    conflict. `partition`: only its files, not split. `is_joined`: `previous` are all parts of this scan, whose failed
    files stay so. `cluster`: whose machines probe the files. `MissingInput` when there is no dataset; `UsageError` for
    wrong options and for a split that leaks.
    """
    parse(scheme)
    level = _parse_level(compression)
    roots = [data] if isinstance(data, Path) else list(data)
    with following_links(follow_links):
        found, scanned = _find_files(roots, level, media_root)
    report = _start_report(roots, found, scanned)
    _keep_partition(scanned, report, partition)
    workers = workers or (count_cores() if cluster is None else cluster.cpus)
    rows = _probe_all(found, scanned, report, previous, workers, full_content, is_joined, cluster)
    # Whoever lists a file in a table means the file that a link leads to.
    linked = [dataset.key for dataset in found if follow_links or dataset.is_table]
    manifest = from_rows(rows, {dataset.key: str(dataset.root.resolve()) for dataset in found}, linked)
    if keep:
        keep(manifest)
    if not partition.is_whole:
        return manifest, report
    manifest = resplit(manifest, scheme, seed, allow_leaks=allow_leaks)
    for line in describe_scan(roots, found, manifest, report):
        say(line)
    return manifest, report


def _find_files(
    roots: list[Path], level: Compression | None, media_root: Path | None
) -> tuple[list[FoundDataset], dict[str, Scanned]]:
    """The datasets, and the rows of each by its key. `MissingInput` when there is none with a file."""
    found = find_datasets(roots, level, media_root=media_root)
    scanned = read_files_once(found, {dataset.key: _read_dataset(dataset, level) for dataset in found})
    if not any(part.rows for part in scanned.values()):
        raise MissingInput(*_describe_nothing(roots, found, scanned))
    return found, scanned


def _parse_level(compression: str | None) -> Compression | None:
    level = next((known for known in COMPRESSIONS if known == compression), None)
    if compression is not None and level is None:
        raise UsageError(f"--compression {compression}: no such level", f"one of {', '.join(COMPRESSIONS)}")
    return level


def _read_dataset(dataset: FoundDataset, level: Compression | None) -> Scanned:
    """Its rows. A reader that raises leaves out its dataset, not all; a table with a wrong line ends the scan."""
    try:
        return keep_level(dataset.scan(), level)
    except Exception as error:
        trouble = as_trouble(error, dataset.place, "the dataset is left out")
        return Scanned(conflicts=[Conflict(dataset.key, ".", *trouble)])


def _start_report(roots: list[Path], found: list[FoundDataset], scanned: dict[str, Scanned]) -> ScanReport:
    """The report before probing: findings from names, folders and lists."""
    unclaimed = [(root, one) for root in roots for one in list_unclaimed(root, found)]
    if len(roots) > 1:  # a path relative to one of them would be ambiguous
        unclaimed = [(root, replace(one, path=str(root / one.path))) for root, one in unclaimed]
    report = ScanReport(stage="scan", ignored=[one for _, one in unclaimed])
    for dataset in found:
        part = scanned[dataset.key]
        report.given += len(part.rows)
        report.ignored += part.ignored
        report.conflicts += [*dataset.find_duplicates(), *find_gaps(dataset, part)]
        report.conflicts += [*find_level_conflicts(dataset.key, part.rows), *part.conflicts]
    return report


def _keep_partition(scanned: dict[str, Scanned], report: ScanReport, partition: Partition) -> None:
    """Leave out the files of other parts."""
    if not partition.is_whole:
        for part in scanned.values():
            part.rows[:] = [row for row in part.rows if partition.contains(row.media_id)]
        report.given = sum(len(part.rows) for part in scanned.values())


def _probe_all(
    found: list[FoundDataset],
    scanned: dict[str, Scanned],
    report: ScanReport,
    previous: Manifest | None,
    workers: int,
    full_content: bool,
    is_joined: bool,
    cluster: Cluster | None,
) -> Iterator[MediaRow]:
    """The rows with the header fields of their files; counts the outcomes in `report`.

    Empties the lists of `scanned` on the way, so that a million rows are in memory only once.
    """
    waiting = [(_PendingRows(dataset.root, scanned[dataset.key].rows)) for dataset in found]
    if previous is not None:
        for part in waiting:
            part.reuse(previous, full_content, is_joined)
    total = sum(len(part.rows) - sum(part.reused) for part in waiting)
    fresh = probe_rows(
        (pair for part in waiting for pair in part.list_pending()),
        total=total,
        workers=workers,
        full_content=full_content,
        cluster=cluster,
    )
    for part in waiting:
        for number, is_reused in enumerate(part.reused):
            row = part.rows[number] if is_reused else next(fresh)
            assert row is not None
            part.rows[number] = None
            if row.status == "failed":
                report.failed[f"{row.dataset}/{row.path}"] = row.reason or ""
            report.skipped += row.status == "ok" and is_reused
            report.done += row.status == "ok" and not is_reused
            yield row


class _PendingRows:
    """Rows of one dataset that wait for probing."""

    def __init__(self, root: Path, rows: list[MediaRow]) -> None:
        self.root = root
        self.rows: list[MediaRow | None] = [*rows]
        """None once yielded."""
        self.reused = bytearray(len(rows))
        rows.clear()

    def reuse(self, previous: Manifest, full_content: bool, is_joined: bool) -> None:
        rows = [row for row in self.rows if row is not None]
        found = reuse_probes(rows, self.root, previous, full_content=full_content, failures=is_joined)
        for number, known in enumerate(found):
            if known is not None:
                self.rows[number], self.reused[number] = known, 1

    def list_pending(self) -> Iterator[tuple[MediaRow, Path]]:
        for row, is_reused in zip(self.rows, self.reused, strict=True):
            if row is not None and not is_reused:
                yield row, self.root / row.path


def _describe_nothing(roots: list[Path], found: list[FoundDataset], scanned: dict[str, Scanned]) -> tuple[str, str]:
    """Problem and hint for folders without a dataset: with what is recognized one folder deeper."""
    shown = ", ".join(map(escape_unprintable, roots))
    deeper = [one for root in roots if root.is_dir() and not found for one in find_deeper(root)][:DEEPER_SHOWN]
    if not deeper:
        linked = any("link" in reason for part in scanned.values() for reason in part.reasons)
        hint = "--follow-links reads what the links lead to" if linked else _write_hint()
        around = "" if found else "".join(map(describe_surroundings, filter(Path.is_dir, roots)))
        tables = [] if found else [table for root in roots if root.is_dir() and (table := describe_tables(root))]
        if tables and not around:
            around, hint = f"; {tables[0][0]}", tables[0][1]
        return f"{shown}: no dataset found{_describe_ignored(found, scanned)}{escape_unprintable(around)}", hint
    listed = "; ".join(f"{escape_unprintable(folder)} holds {', '.join(keys)}" for folder, keys in deeper)
    hint = f"unmask scan {' '.join(shlex.quote(escape_unprintable(folder)) for folder, _ in deeper)}"
    return f"{shown}: no dataset found here, but deeper: {listed}", hint


def _describe_ignored(found: list[FoundDataset], scanned: dict[str, Scanned]) -> str:
    return "".join(
        f"; {escape_unprintable(one.place)} looks like {one.key}{describe_reasons(scanned[one.key].reasons)}"
        + "".join(f"; {conflict.problem}" for conflict in scanned[one.key].conflicts if is_crash(conflict.problem))
        for one in found
    )


def _write_hint() -> str:
    names = ", ".join(layout.names[0] for layout in LAYOUTS.values())
    return f"give the folder that holds {names}, your own {SHAPE}, or a table with the columns path,label"
