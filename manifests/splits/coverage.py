"""How many files are in each split, and which datasets a split leaves out whole."""

from __future__ import annotations

from collections import Counter

import pyarrow.compute as pc

from unmask.manifests.manifest import Manifest


def count_splits(manifest: Manifest) -> dict[str, int]:
    """Split -> files; "None" for files in no split."""
    return dict(Counter(str(name) for name in manifest.table.column("split").to_pylist()))


def describe_splits(manifest: Manifest) -> str:
    """Rows, and files per split, on one line."""
    counts = count_splits(manifest)
    listed = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("train", "val", "test"))
    return f"{len(manifest)} rows, {listed}, {counts.get('None', 0)} in no split"


def count_left_out(manifest: Manifest) -> dict[str, int]:
    """Dataset -> number of files, for the datasets of which no file is in a split; in the order of the manifest.

    A model neither trains nor is tested on them.
    """
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
