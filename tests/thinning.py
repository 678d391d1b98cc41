"""A part of the real media, the same in every run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa

from unmask.manifests.manifest import Manifest


def thin(manifest: Manifest, most: int | Mapping[str, int]) -> Manifest:
    """`most` files of each class in each split of each dataset: the first by media_id, which is a hash.

    `most` by name of the dataset keeps these datasets alone.
    """
    cells = defaultdict(list)
    for place, row in sorted(enumerate(manifest.rows()), key=lambda pair: pair[1].media_id):
        cells[row.dataset, row.label, row.split].append(place)
    kept: list[int] = []
    for (dataset, *_), places in cells.items():
        kept += places[: most if isinstance(most, int) else most.get(dataset, 0)]
    return manifest.with_table(manifest.table.take(pa.array(sorted(kept))))
