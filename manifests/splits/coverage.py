"""Datasets that a split leaves out whole: a model neither trains nor is tested on them."""

from __future__ import annotations

import pyarrow.compute as pc

from unmask.manifests.manifest import Manifest


def count_left_out(manifest: Manifest) -> dict[str, int]:
    """Dataset -> number of files, for the datasets of which no file is in a split; in the order of the manifest."""
    grouped = manifest.table.select(["dataset", "split"]).group_by("dataset", use_threads=False)
    counts = grouped.aggregate([("split", "count"), ([], "count_all")]).to_pylist()
    return {line["dataset"]: line["count_all"] for line in counts if not line["split_count"]}


def describe_left_out(manifest: Manifest) -> list[str]:
    """One warning per dataset of `count_left_out`."""
    left_out = count_left_out(manifest)
    if not left_out:
        return []
    # The name of the scheme without version, seed and marks.
    scheme = pc.first(manifest.table.column("split_scheme")).as_py().partition("-v")[0]
    why = " (no official split is known for its files)" if scheme.startswith("official") else ""
    remedy = "; --split default or grouped assigns it" if why else ""
    return [
        f"warning: {dataset}: none of its {count} files is in a split of {scheme}{why}{remedy}"
        for dataset, count in left_out.items()
    ]
