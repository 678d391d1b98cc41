"""What each epoch of a training logged, as a table."""

from __future__ import annotations

from unmask.tables import Row, Table


class EpochTable(Table, list[Row]):
    """One row per epoch: seconds, the number that decides, training losses (`train_`), validation metrics (`val_`)."""

    def as_rows(self) -> list[Row]:
        return [
            {"epoch": line["epoch"], "seconds": line["seconds"], "deciding": line.get("deciding")}
            | {f"train_{name}": value for name, value in line["train"].items()}
            | {f"val_{name}": value for name, value in _flat(line["validation"]).items()}
            for line in self
        ]


def _flat(validation: Row) -> Row:
    """Single numbers, and the pooled and macro metrics; the metrics per dataset stay in metrics.jsonl."""
    numbers = {name: value for name, value in validation.items() if isinstance(value, int | float)}
    groups = ((group, validation.get(group, {})) for group in ("pooled", "macro"))
    return numbers | {f"{group}_{name}": value for group, values in groups for name, value in values.items()}
