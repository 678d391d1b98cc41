"""The lines that a scan prints: one per dataset, and the first conflicts of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc

from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.findings import ScanReport, escape_unprintable
from unmask.manifests.manifest import Manifest
from unmask.manifests.scan.discovery import NO_DATASET, FoundDataset
from unmask.manifests.splits.leaks import find_manifest_leaks

# Conflicts shown per dataset; the rest is counted. A wrong copy of a dataset repeats one problem thousands of times.
SHOWN = 5


def describe_scan(
    roots: list[Path], found: list[FoundDataset], manifest: Manifest, report: ScanReport
) -> Iterator[str]:
    places = {dataset.key: dataset for dataset in found}
    counts, failed = _count_by_dataset(manifest)
    with_mask = manifest.table.filter(pc.is_valid(manifest.table.column("mask"))).column("dataset")
    masked = Counter(with_mask.to_pylist())
    ignored: dict[str, Counter[str]] = {}
    for one in report.ignored:
        ignored.setdefault(one.dataset, Counter())[one.reason] += 1
    for key in [*LAYOUTS, *sorted(set(places) - set(LAYOUTS))]:
        if key not in places:
            yield f"{key}: not found (looked for {', '.join(LAYOUTS[key].names)})"
            continue
        counted = _describe_counts(counts.get(key, Counter()), failed.get(key, Counter()))
        left_out = describe_reasons(ignored.get(key, Counter()))
        masks = f", {masked[key]} with a mask" if masked[key] else ""
        yield f"{key}: {counted}{masks} in {escape_unprintable(places[key].place)}{left_out}"
        yield from _describe_conflicts(key, report)
    yield from _describe_unread(roots[0] if len(roots) == 1 else Path(), report)
    if report.skipped:
        new = report.given - report.skipped
        yield f"scan: {report.skipped} of {report.given} files unchanged since the last scan, {new} probed"
    yield from _describe_leaks(manifest)


def describe_reasons(counted: Counter[str]) -> str:
    """For example "; ignored: 3 hidden, 1 not media"; empty for nothing."""
    listed = ", ".join(f"{number} {reason}" for reason, number in sorted(counted.items()))
    return f"; ignored: {listed}" if listed else ""


def _count_by_dataset(manifest: Manifest) -> tuple[dict[str, Counter[tuple[str, int]]], dict[str, Counter[str]]]:
    """Dataset -> (split, label) -> number of files; dataset -> reason -> number of failed files."""
    columns = ["dataset", "split", "label"]
    grouped = manifest.table.select(columns).group_by(columns).aggregate([([], "count_all")])
    counts: dict[str, Counter[tuple[str, int]]] = {}
    failed: dict[str, Counter[str]] = {}
    for line in grouped.to_pylist():
        of_dataset = counts.setdefault(line["dataset"], Counter())
        of_dataset[line["split"] or "no split", line["label"]] += line["count_all"]
    broken = manifest.table.select(["dataset", "reason"]).filter(pc.equal(manifest.table.column("status"), "failed"))
    for dataset, reason in zip(*broken.to_pydict().values(), strict=True):
        failed.setdefault(dataset, Counter())[(reason or "unreadable").partition(":")[0]] += 1
    return counts, failed


def _describe_counts(counts: Counter[tuple[str, int]], failed: Counter[str]) -> str:
    """For example "15 files, 9 real + 6 fake (train 5 + 3, val 1 + 1, test 3 + 2)"."""
    if not counts:
        return "no files"
    by_label = Counter[int]()
    for (_, label), number in counts.items():
        by_label[label] += number
    splits = [name for name in ("train", "val", "test", "no split") if counts[name, 0] or counts[name, 1]]
    shown = ", ".join(f"{name} {counts[name, 0]} + {counts[name, 1]}" for name in splits)
    broken = "".join(f", {number} {reason}" for reason, number in sorted(failed.items()))
    return f"{counts.total()} files, {by_label[0]} real + {by_label[1]} fake ({shown}){broken}"


def _describe_conflicts(key: str, report: ScanReport) -> Iterator[str]:
    conflicts = [conflict for conflict in report.conflicts if conflict.dataset == key]
    for conflict in conflicts[:SHOWN]:
        yield f"{key}: warning: {escape_unprintable(conflict)}"
    if len(conflicts) > SHOWN:
        yield f"{key}: warning: {len(conflicts) - SHOWN} more conflicts, all listed in findings.parquet"


def _describe_unread(data_root: Path, report: ScanReport) -> Iterator[str]:
    """Folders in the data root that were not recognized as a dataset."""
    beside = [one for one in report.ignored if one.dataset == NO_DATASET and "folder of a dataset" not in one.reason]
    for one in beside[:SHOWN]:
        yield f"not read: {escape_unprintable(data_root / one.path)} ({one.reason})"
    if len(beside) > SHOWN:
        yield f"not read: {len(beside) - SHOWN} more, all listed in findings.parquet"


def _describe_leaks(manifest: Manifest) -> Iterator[str]:
    leaking = find_manifest_leaks(manifest)
    if len(leaking):
        first = ", ".join(escape_unprintable(leak) for leak in leaking.first(SHOWN))
        scheme = pc.first(manifest.table.column("split_scheme")).as_py()
        yield f"warning: {scheme} puts {len(leaking)} identities, sources or files into several splits: {first}"
