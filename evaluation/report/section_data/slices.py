"""The section of the slices: the model per method, compression, category, media kind and attribute."""

from __future__ import annotations

from typing import Any

from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.slices.coverage import describe_coverage
from unmask.evaluation.slices.results import SliceRow
from unmask.evaluation.slices.table import HEADINGS, NO_VALUE, format_slice, list_slice_tables, name_slice
from unmask.metrics import binary

# So few rows are shown whatever they hold.
FEW_ROWS = 12


def show_slices(data: PageData) -> dict[str, Any]:
    """Per kind of slice its title and tables of (headings, lines): the rows at once, and those folded away.

    Many rows of fewer than five files of a class are folded, except those of one class, which say why.
    """
    tables = []
    for title, rows in list_slice_tables(data.evaluation.slices):
        folded = [row for row in rows if _is_small(row) and row.reason is None] if len(rows) > FEW_ROWS else []
        shown = [row for row in rows if row not in folded]
        tables.append((f"AUC {title}", _build_table(shown), _build_table(folded)))
    return {"coverage": describe_coverage(data.evaluation), "slice_tables": tables}


def _is_small(row: SliceRow) -> bool:
    return min(row.n_real, row.n_fake) < binary.ENOUGH_ITEMS


def _build_table(rows: list[SliceRow]) -> tuple[list[str], list[tuple[str, bool, list[str]]]]:
    """Headings of the columns that are not empty, and (name, whether it is small, cells) of each row."""
    cells = [format_slice(row) for row in rows]
    shown = [place for place in range(len(HEADINGS)) if any(line[place] not in ("", NO_VALUE) for line in cells)]
    lines = [
        (name_slice(row), _is_small(row), [line[place] for place in shown])
        for row, line in zip(rows, cells, strict=True)
    ]
    return [HEADINGS[place] for place in shown], lines
