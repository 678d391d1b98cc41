"""The scan as `Work` offers it: of everything, of one part of the files, and of the parts together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.core.sharing.partition import WHOLE, Partition
from unmask.core.work_folder import WorkFolder
from unmask.near_duplicates import cluster_files

if TYPE_CHECKING:
    import pyarrow as pa

    from unmask.core.engines.cluster import Cluster
    from unmask.manifests.findings import ScanReport
    from unmask.manifests.manifest import Manifest
    from unmask.manifests.scan.parts import ScanPart

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """What decides the manifest; see `Work.scan`."""

    data: tuple[Path, ...]
    split: str
    seed: int
    allow_leaks: bool
    near: bool
    compression: str | None
    full_content: bool
    media_root: Path | None
    follow_links: bool

    def as_json(self) -> dict[str, Any]:
        root = self.media_root and str(self.media_root.resolve())
        return asdict(self) | {"data": [str(path.resolve()) for path in self.data], "media_root": root}

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> ScanOptions:
        given = {field.name: about[field.name] for field in fields(cls)}
        root = given["media_root"]
        return cls(
            **given | {"data": tuple(map(Path, given["data"])), "media_root": None if root is None else Path(root)}
        )


def scan_all(
    work: WorkFolder,
    options: ScanOptions,
    previous: Manifest | None,
    workers: int | None,
    say: Say,
    *,
    is_joined: bool = False,
    cluster: Cluster | None = None,
) -> tuple[Manifest, ScanReport, pa.Table | None]:
    """Scan, and write all tables but the manifest; with the clusters of near-duplicates if they were asked for.

    `is_joined`: `previous` are the parts of this scan, with the files that failed. `cluster`: as in `scan`.
    """
    from unmask.manifests.findings import write_findings
    from unmask.manifests.manifest import write_manifest
    from unmask.manifests.splits.schemes import resplit

    keep = partial(write_manifest, work.probes)
    manifest, report = _scan(options, previous, workers, say, keep=keep, is_joined=is_joined, cluster=cluster)
    write_findings(work.findings, report)
    clusters = cluster_files(work, manifest, workers, say) if options.near else None
    if clusters is not None:
        manifest = resplit(manifest, options.split, options.seed, allow_leaks=options.allow_leaks, near=clusters)
    return manifest, report, clusters


def scan_part(
    work: WorkFolder,
    options: ScanOptions,
    partition: Partition,
    previous: Manifest | None,
    workers: int | None,
    say: Say,
    *,
    cluster: Cluster | None = None,
) -> tuple[Manifest, ScanReport]:
    """Probe the files of one part, and write it for `merge_scan`."""
    from unmask.manifests.manifest_lock import hold_scan_part
    from unmask.manifests.scan.parts import write_scan_part

    with hold_scan_part(work, partition):
        manifest, report = _scan(options, previous, workers, say, partition=partition, cluster=cluster)
        write_scan_part(work, partition, manifest, options.as_json())
    say(f"part {partition} of the scan is finished: {len(manifest)} files; when all are, join them with `unmask merge`")
    return manifest, report


def find_parts(work: WorkFolder, others: Sequence[WorkFolder]) -> list[ScanPart]:
    """The parts of a scan in these folders; none if the manifest of `work` was made from all of them."""
    from unmask.manifests.scan.parts import find_unmerged, list_scan_parts

    parts = list_scan_parts([work, *others])
    return parts if find_unmerged(work, parts) else []


def merge_scan(
    work: WorkFolder, parts: Sequence[ScanPart], workers: int | None, say: Say
) -> tuple[Manifest, ScanReport, pa.Table | None]:
    """The result of one scan of everything, from the parts. Files that are new since are probed."""
    from unmask.manifests.scan.parts import choose_parts, join_parts

    chosen = choose_parts(work, parts)
    here = [part for part in chosen if part.path.parent == work.scan_parts]
    options = ScanOptions.from_json((here or chosen)[0].options)
    return scan_all(work, options, join_parts(chosen), workers, say, is_joined=True)


def _scan(
    options: ScanOptions,
    previous: Manifest | None,
    workers: int | None,
    say: Say,
    *,
    partition: Partition = WHOLE,
    keep: Callable[[Manifest], None] | None = None,
    is_joined: bool = False,
    cluster: Cluster | None = None,
) -> tuple[Manifest, ScanReport]:
    from unmask.manifests.scan.scan import scan

    return scan(
        list(options.data),
        scheme=options.split,
        seed=options.seed,
        workers=workers,
        compression=options.compression,
        previous=previous,
        full_content=options.full_content,
        media_root=options.media_root,
        follow_links=options.follow_links,
        allow_leaks=options.allow_leaks,
        partition=partition,
        keep=keep,
        is_joined=is_joined,
        cluster=cluster,
        say=say,
    )
