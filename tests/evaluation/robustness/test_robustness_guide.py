"""The code of docs/robustness.md makes a corruption that works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from unmask.evaluation.robustness.corruptions import CORRUPTIONS

GUIDE = Path(__file__).parents[3] / "docs" / "robustness.md"


def test_the_example_is_a_corruption():
    text = GUIDE.read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, names)
    levels = names["LEVELS"]
    faces = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)
    coarse = levels.apply(faces, levels.values[2], np.random.default_rng(0))
    assert coarse.shape == faces.shape
    assert len(np.unique(coarse)) == 6, "192 of 256 levels in steps of 32"
    assert levels.describe(3) == "3 bits"


def test_the_table_lists_every_corruption():
    listed = re.findall(r"^\| `([\w-]+)` \| (image|audio) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == [(one.name, one.stream) for one in CORRUPTIONS]
