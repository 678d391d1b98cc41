"""The newest result of each suite that has a preset, read back from its suite.json."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from unmask.core.errors import raise_read_failure
from unmask.core.files import sealed_files
from unmask.core.files.damage import Damaged
from unmask.evaluation.suites.cell import parse_cell
from unmask.evaluation.suites.registry import CellSplit
from unmask.evaluation.suites.results import VERSION, SuiteResult

log = logging.getLogger("unmask")

FILE = "suite.json"


def find_newest_suites(suites: Path, preset: str) -> list[SuiteResult]:
    """One result per suite under `suites`, of those with a row `preset` the one written last; by the suite's name.

    Those of another version, and damaged files are passed over, the latter with a warning.
    """
    paths = sorted(suites.glob(f"*/{FILE}"), key=lambda path: (path.stat().st_mtime, path.parent.name))
    found = [result for path in paths if (result := _read_suite(path)) and preset in result.presets]
    newest = {result.suite: result for result in found}
    return [newest[name] for name in sorted(newest)]


def _read_suite(path: Path) -> SuiteResult | None:
    try:
        value = sealed_files.read_json(path)
        if value.pop("version") != VERSION:
            return None
        value.pop("means")
        splits = tuple(CellSplit(**{**one, "datasets": tuple(one["datasets"])}) for one in value.pop("splits"))
        cells = tuple(map(parse_cell, value.pop("cells")))
        lists: dict[str, Any] = {name: tuple(value.pop(name)) for name in ("presets", "seeds")}
        return SuiteResult(**value, **lists, splits=splits, cells=cells)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise_read_failure(error)
        if isinstance(error, Damaged):
            log.warning("%s: left out; unmask suite makes it again", error)
        return None
