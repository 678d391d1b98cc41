"""A scan on several machines: each probes the files of one part, and `merge` scans again with what they found.

<work>/scan-parts/<i>-of-<n>.parquet    the manifest of the part, without splits
<work>/scan-parts/<i>-of-<n>.json       {"id", "part": [i, n], "options": {...}} and a checksum, written last
<work>/scan-parts/merged.json           {"ids": [...]} of the parts that the manifest was made from, and a checksum

Every part finds the datasets and reads their lists; headers, which take the time, are read by one part alone. Which
part a file belongs to depends on its name only, so that the parts need not see the same moment.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from unmask.core.errors import MissingInput, UsageError, raise_read_failure
from unmask.core.files.sealed_files import read_json, write_json
from unmask.core.sharing.partition import Partition
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, read_manifest, write_manifest

MERGED = "merged.json"
# Options that may differ: where the files are on each machine.
PLACES = ("data", "media_root")


@dataclass(frozen=True, slots=True)
class ScanPart:
    """One part that was scanned."""

    path: Path
    """Of its manifest."""
    id: str
    """Of this call of `scan`."""
    partition: Partition
    options: dict[str, Any]
    """Of the scan, as JSON."""


def write_scan_part(work: WorkFolder, partition: Partition, manifest: Manifest, options: dict[str, Any]) -> None:
    path = work.scan_parts / f"{partition.number}-of-{partition.count}.parquet"
    write_manifest(path, manifest)
    about = {"id": uuid.uuid4().hex, "part": [partition.number, partition.count], "options": options}
    write_json(path.with_suffix(".json"), about)


def list_scan_parts(works: Sequence[WorkFolder]) -> list[ScanPart]:
    """Of all folders. `MissingInput` for one that cannot be read."""
    paths = [path for work in works for path in sorted(work.scan_parts.glob("*-of-*.json"))]
    return [_read_part(path) for path in paths]


def find_unmerged(work: WorkFolder, parts: Sequence[ScanPart]) -> list[ScanPart]:
    """Those of `parts` that the manifest of `work` was not made from."""
    merged = _read_merged(work)
    return [part for part in parts if part.id not in merged]


def choose_parts(work: WorkFolder, parts: Sequence[ScanPart]) -> list[ScanPart]:
    """One of each part of the scan that is to be merged, in their order.

    `MissingInput` if one is missing; `UsageError` for parts of scans with different options.
    """
    unmerged = find_unmerged(work, parts)
    counts = sorted({part.partition.count for part in unmerged})
    if len(counts) != 1:
        found = ", ".join(str(part.partition) for part in unmerged)
        raise UsageError(f"parts of several scans: {found}", "scan all parts again, with one number of parts")
    # A part that was scanned again counts instead of the one that was merged before.
    chosen = {part.partition.number: part for part in [*parts, *unmerged] if part.partition.count == counts[0]}
    missing = [str(Partition(number, counts[0])) for number in range(1, counts[0] + 1) if number not in chosen]
    if missing:
        raise MissingInput(
            f"{work.scan_parts}: part {', '.join(missing)} of the scan is not finished",
            f"unmask scan DATA --shard {missing[0]}, with the options of the other parts; then merge again",
        )
    first, *others = [chosen[number] for number in sorted(chosen)]
    for other in others:
        for name, value in first.options.items():
            if name not in PLACES and other.options.get(name) != value:
                problem = f"{name} is {value} in part {first.partition}, {other.options.get(name)} in {other.partition}"
                raise UsageError(f"the parts were scanned differently: {problem}", "scan one of them again")
    return [first, *others]


def join_parts(parts: Sequence[ScanPart]) -> Manifest:
    """The rows of all parts, as a manifest that a scan takes its header fields from."""
    read = [read_manifest(part.path) for part in parts]
    return replace(read[0], table=pa.concat_tables([manifest.table for manifest in read]).combine_chunks())


def note_merged(work: WorkFolder, parts: Sequence[ScanPart]) -> None:
    """Note that the manifest was made from these parts."""
    write_json(work.scan_parts / MERGED, {"ids": sorted(part.id for part in parts)})


def _read_part(path: Path) -> ScanPart:
    try:
        about = read_json(path)
        partition = Partition(*map(int, about["part"]))
        return ScanPart(path.with_suffix(".parquet"), str(about["id"]), partition, dict(about["options"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise_read_failure(error)
        raise MissingInput(f"{path}: not readable ({error})", "scan this part again") from error


def _read_merged(work: WorkFolder) -> set[str]:
    try:
        return set(read_json(work.scan_parts / MERGED)["ids"])
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise_read_failure(error)
        return set()
