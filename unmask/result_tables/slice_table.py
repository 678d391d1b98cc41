"""What `EvaluationTable.slices` returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unmask.tables import Row, Table

if TYPE_CHECKING:
    from unmask.evaluation.slices.results import SliceRow


class SliceTable(Table, list["SliceRow"]):
    """One row per method, compression, category, media kind and attribute of the person, per dataset."""

    title = "slices"

    def __init__(self, rows: Sequence[SliceRow] = ()) -> None:
        super().__init__(rows)

    def as_rows(self) -> list[Row]:
        return [row.as_row() for row in self]
