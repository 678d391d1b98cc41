"""docs/suites.md, executed in the work folder of the guide to the Python API."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from guides import code_blocks

from unmask.evaluation.suites.registry import SUITES


def test_the_guide_to_suites_runs_and_its_own_suite_is_one_entry(guide):
    names: dict[str, Any] = {"__name__": "guide"}
    before = guide.work.folder.manifest.read_bytes(), guide.work.runs().as_rows()
    with contextlib.chdir(guide.folder):
        for number, block in enumerate(code_blocks("suites.md")):
            exec(compile(block, f"suites.md, block {number}", "exec"), names)
    rows = names["table"].as_rows()
    assert [(row["preset"], row["split"]) for row in rows] == [
        ("linear", split) for split in ("fold 0 of 3", "fold 1 of 3", "fold 2 of 3", "mean")
    ]
    assert rows[-1]["AUC"] == pytest.approx(sum(row["AUC"] for row in rows[:3]) / 3)
    assert (guide.folder / names["table"].folder / "suite.html").is_file()
    assert (guide.work.folder.manifest.read_bytes(), guide.work.runs().as_rows()) == before
    try:
        splits = SUITES["compressions"].list_splits((), None)
        assert [split.compression for split in splits] == ["c23", "c40"]
    finally:
        SUITES.pop("compressions", None)
