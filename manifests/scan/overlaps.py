"""Every file in one dataset, and what would be left out of one without a word."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from unmask.manifests.datasets.base import Scanned
from unmask.manifests.datasets.file_tree import walk
from unmask.manifests.datasets.sidecars import split_suffix
from unmask.manifests.findings import Conflict, Ignored
from unmask.manifests.scan.discovery import FoundDataset
from unmask.manifests.scan.recognition import describe_wrong_name
from unmask.media.media_kind import KINDS

# Reasons of files that a complete copy leaves out too.
EXPECTED = ("hidden", "mask", "compression", "not listed in ")


def read_files_once(found: list[FoundDataset], scanned: dict[str, Scanned]) -> dict[str, Scanned]:
    """Without the rows of tables whose files are rows of an earlier dataset, and with the files that a table leaves out
    of the folders that it stands for. Known datasets go before tables."""
    result = dict(scanned)
    for number, dataset in enumerate(found):
        for earlier in found[:number] if dataset.parents else ():
            if _share_folders(dataset, earlier):
                result[dataset.key] = _drop_rows(dataset, result[dataset.key], earlier, result[earlier.key])
        if dataset.covered:
            result[dataset.key] = _add_unlisted(dataset, result[dataset.key])
    return result


def find_gaps(dataset: FoundDataset, scanned: Scanned) -> list[Conflict]:
    """Conflicts of the dataset as a whole: its name is another dataset's, or half of its media is left out."""
    conflicts = describe_wrong_name(dataset.key, dataset.place)
    left_out = Counter(
        one.reason
        for one in scanned.ignored
        if not one.reason.startswith(EXPECTED) and split_suffix(one.path)[1] in KINDS
    )
    labels = {row.label for row in scanned.rows}
    if scanned.rows and left_out and (len(labels) == 1 or left_out.total() >= len(scanned.rows)):
        classes = "" if len(labels) == 2 else f", all of them {'fake' if labels == {1} else 'real'}"
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common(3))
        problem = f"only {len(scanned.rows)} media files are read{classes}; left out: {reasons}"
        conflicts.append(
            Conflict(dataset.key, ".", problem, "Restore the names of its folders: real and fake, or the archive's")
        )
    return conflicts


def _share_folders(table: FoundDataset, other: FoundDataset) -> bool:
    if other.parents:
        return not table.parents.isdisjoint(other.parents)
    roots = (other.root.absolute(), other.root.resolve())
    return any(parent.is_relative_to(root) for parent in table.parents for root in roots)


def _drop_rows(table: FoundDataset, rows: Scanned, other: FoundDataset, taken: Scanned) -> Scanned:
    root, other_root = table.root.resolve(), other.root.resolve()
    known = {other_root / row.path for row in taken.rows}
    kept = [row for row in rows.rows if root / row.path not in known]
    count = len(rows.rows) - len(kept)
    if not count:
        return rows
    reason = f"read as a file of {other.key}"
    dropped = {row.path for row in rows.rows} - {row.path for row in kept}
    problem = f"{count} of its {len(rows.rows)} files are {reason}, and not a second time"
    remedy = "Move the table away, or scan only the table to use its labels"
    return replace(
        rows,
        rows=kept,
        ignored=[*rows.ignored, *(Ignored(table.key, path, reason) for path in sorted(dropped))],
        conflicts=[*rows.conflicts, Conflict(table.key, table.place.name, problem, remedy)],
    )


def _add_unlisted(table: FoundDataset, rows: Scanned) -> Scanned:
    """Media in the folders of the table that it does not list."""
    root = table.root.resolve()
    listed = {root / row.path for row in rows.rows}
    unlisted: list[Ignored] = []
    conflicts: list[Conflict] = []
    for folder in table.covered:
        place = folder.resolve()
        files = [place / name for name in walk(folder).files if split_suffix(name)[1] in KINDS]
        left_out = [file for file in files if file not in listed]
        unlisted += [Ignored(table.key, _name(file, root), f"not listed in {table.place.name}") for file in left_out]
        if left_out:
            problem = (
                f"{len(left_out)} of the {len(files)} media files in this folder are not listed in {table.place.name}"
            )
            conflicts.append(Conflict(table.key, _name(place, root), problem, "List them, or move the table away"))
    return replace(rows, ignored=[*rows.ignored, *unlisted], conflicts=[*rows.conflicts, *conflicts])


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
