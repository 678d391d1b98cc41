"""The section of the slices: the model per method, compression, category, media kind and attribute."""

from __future__ import annotations

from typing import Any

from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.slices.coverage import describe_coverage
from unmask.evaluation.slices.table import HEADINGS, NO_VALUE, format_slice, list_slice_tables, name_slice
from unmask.metrics import binary


def show_slices(data: PageData) -> dict[str, Any]:
    """One table per kind of slice, without the columns that are empty in it."""
    tables = []
    for title, rows in list_slice_tables(data.evaluation.slices):
        cells = [format_slice(row) for row in rows]
        shown = [place for place in range(len(HEADINGS)) if any(line[place] not in ("", NO_VALUE) for line in cells)]
        lines = [
            (name_slice(row), min(row.n_real, row.n_fake) < binary.ENOUGH_ITEMS, [line[place] for place in shown])
            for row, line in zip(rows, cells, strict=True)
        ]
        tables.append((f"AUC {title}", [HEADINGS[place] for place in shown], lines))
    return {"coverage": describe_coverage(data.evaluation), "slice_tables": tables}
