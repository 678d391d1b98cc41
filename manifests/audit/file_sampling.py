"""Which files the probes look at: all of a small dataset, an equal draw of each class of a large one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unmask.manifests.manifest import Manifest

# An AUC of ten thousand a class is known to .01, and the sound of ten thousand videos is read in minutes.
MOST_FILES = 10_000


def probed_files(manifest: Manifest, seed: int, most: int = MOST_FILES) -> Manifest:
    """The readable, labelled rows; of each label of each dataset at most `most`, in the manifest's order."""
    table = manifest.table
    usable = pc.and_(pc.equal(table.column("status"), "ok"), pc.is_valid(table.column("label")))
    positions = np.flatnonzero(usable.to_numpy())
    part = table.select(["dataset", "label"]).take(pa.array(positions))
    cells = np.array([f"{dataset}/{label}" for dataset, label in zip(*part.to_pydict().values(), strict=True)])
    kept = [_drawn(positions[cells == cell], most, seed) for cell in np.unique(cells)]
    rows = np.sort(np.concatenate([*kept, np.empty(0, np.int64)]))
    return Manifest(table.take(pa.array(rows, pa.int64())), manifest.roots)


def _drawn(positions: np.ndarray, most: int, seed: int) -> np.ndarray:
    if len(positions) <= most:
        return positions
    return np.random.default_rng(seed).choice(positions, most, replace=False)
