"""What `Work.ablate` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unmask.tables import Row, Table, format_cell

if TYPE_CHECKING:
    from unmask.evaluation.ablation.ablation_table import Ablation


@dataclass(repr=False)
class AblationTable(Table):
    """Presets compared: mean and standard deviation over seeds."""

    details: Ablation

    def as_rows(self) -> list[Row]:
        from unmask.evaluation.ablation.ablation_table import number_differences

        rows = []
        for about, entry in zip(self.details.rows, self.details.as_json()["rows"], strict=True):
            row = {"preset": entry["preset"], "items": entry["items"], "runs": len(entry["runs"])}
            for title, spread in entry["figures"].items():
                row[title] = spread and spread["mean"]
                row[f"{title} deviation"] = spread and spread["deviation"]
            rows.append(row | number_differences(self.details, about))
        return rows

    def notes(self) -> list[str]:
        from unmask.evaluation.ablation.ablation_table import describe_differences

        about = self.details.as_json()
        macro = {one["name"]: row["auc"] for one in about["controls"] for row in one["rows"] if row["name"] == "macro"}
        lines = [f"{row['preset']}: not trained: {row['problem']}" for row in about["rows"] if row["problem"]]
        lines += [*describe_differences(self.details), *self.details.shortcuts]
        return lines + [f"control {name}: macro AUC {format_cell(auc)}" for name, auc in macro.items()]

    def as_text(self) -> str:
        from unmask.core.terminal.wide_table import format_plain
        from unmask.evaluation.ablation.ablation_table import render_ablation

        return format_plain(render_ablation(self.details))
