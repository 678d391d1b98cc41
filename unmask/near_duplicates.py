"""The search for near-duplicate files that scan, split and audit share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from unmask.core.work_folder import WorkFolder

if TYPE_CHECKING:
    import pyarrow as pa

    from unmask.manifests.manifest import Manifest


def cluster_files(work: WorkFolder, manifest: Manifest, workers: int | None, say: Callable[[str], None]) -> pa.Table:
    """One row per file that has a near-duplicate, columns media_id and cluster. Decodes every new file once."""
    from unmask.manifests.duplicates.near_duplicates import cluster_near_duplicates, find_near_duplicates, hash_files

    clusters = cluster_near_duplicates(find_near_duplicates(hash_files(manifest, work.fingerprints, workers)))
    about = count_clusters(clusters)
    say(f"near-duplicates: {about['files']} files in {about['clusters']} clusters")
    return clusters


def count_clusters(clusters: pa.Table) -> dict[str, int]:
    return {"files": clusters.num_rows, "clusters": len(set(clusters.column("cluster").to_pylist()))}
