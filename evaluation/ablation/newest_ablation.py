"""The newest ablation that has a preset, read back from its ablation.json."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from unmask.core.errors import raise_read_failure
from unmask.core.files import sealed_files
from unmask.core.files.damage import Damaged
from unmask.evaluation.ablation.ablation_table import VERSION, Ablation, AblationRow
from unmask.evaluation.compare.results import MetricDifference
from unmask.evaluation.tables.spread import Spread

log = logging.getLogger("unmask")

FILE = "ablation.json"


def find_newest(ablations: Path, preset: str) -> Ablation | None:
    """The ablation under `ablations` that was written last and has a trained row `preset`; None without one.

    Those of another version, and damaged files are passed over, the latter with a warning.
    """
    paths = sorted(ablations.glob(f"*/{FILE}"), key=lambda path: (path.stat().st_mtime, path.parent.name), reverse=True)
    found = (_read_ablation(path) for path in paths)
    return next((one for one in found if one and any(row.preset == preset and row.runs for row in one.rows)), None)


def _read_ablation(path: Path) -> Ablation | None:
    """Without its controls and store uses."""
    try:
        value = sealed_files.read_json(path)
        if value.get("version") != VERSION:
            return None
        rows = tuple(map(_read_row, value["rows"]))
        known = _keep_fields(value, Ablation)
        seeds, shortcuts = tuple(value["seeds"]), tuple(value.get("shortcuts", ()))
        return Ablation(**known | {"rows": rows, "controls": (), "stores": (), "seeds": seeds, "shortcuts": shortcuts})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise_read_failure(error)
        if isinstance(error, Damaged):
            log.warning("%s: left out; unmask ablate makes it again", error)
        return None


def _read_row(value: Mapping[str, Any]) -> AblationRow:
    spreads = {name: _read_spreads(value[name]) for name in ("figures", "datasets")}
    validation = value.get("validation")
    return AblationRow(
        **_keep_fields(value, AblationRow)
        | spreads
        | {"runs": tuple(value["runs"]), "validation": Spread(**validation) if validation else None}
        | {"differences": {name: _read_difference(one) for name, one in value["differences"].items()}}
    )


def _read_difference(value: Mapping[str, Any]) -> MetricDifference:
    interval = value["interval"]
    return MetricDifference(
        **_keep_fields(value, MetricDifference) | {"interval": tuple(interval) if interval else None}
    )


def _read_spreads(value: Mapping[str, Any]) -> dict[str, Spread | None]:
    return {name: Spread(**one) if one else None for name, one in value.items()}


def _keep_fields(value: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Only what this version knows: others may have added to the file."""
    names = {field.name for field in fields(kind)}
    return {name: one for name, one in value.items() if name in names}
