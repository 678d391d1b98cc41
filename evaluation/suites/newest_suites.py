"""The newest result of each suite that has a preset, read back from its suite.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unmask.evaluation.suites.cell import parse_cell
from unmask.evaluation.suites.registry import CellSplit
from unmask.evaluation.suites.results import VERSION, SuiteResult

FILE = "suite.json"


def find_newest_suites(suites: Path, preset: str) -> list[SuiteResult]:
    """One result per suite under `suites`, of those with a row `preset` the one written last; by the suite's name.

    Those of another version, and files that cannot be read, are passed over.
    """
    paths = sorted(suites.glob(f"*/{FILE}"), key=lambda path: (path.stat().st_mtime, path.parent.name))
    found = [result for path in paths if (result := _read_suite(path)) and preset in result.presets]
    newest = {result.suite: result for result in found}
    return [newest[name] for name in sorted(newest)]


def _read_suite(path: Path) -> SuiteResult | None:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if value.pop("version") != VERSION:
            return None
        value.pop("means")
        splits = tuple(CellSplit(**{**one, "datasets": tuple(one["datasets"])}) for one in value.pop("splits"))
        cells = tuple(map(parse_cell, value.pop("cells")))
        lists: dict[str, Any] = {name: tuple(value.pop(name)) for name in ("presets", "seeds")}
        return SuiteResult(**value, **lists, splits=splits, cells=cells)
    except (OSError, ValueError, KeyError, TypeError):
        return None
