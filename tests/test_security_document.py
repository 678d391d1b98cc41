"""Each line of docs/security.md names the test that holds it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def test_every_line_of_every_table_names_a_test():
    lines = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.endswith("| held by |")]
    assert len(lines) > 25
    assert not [line for line in lines if "`tests/" not in line]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_is_named_exists(path: str, name: str):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("kind", ["Media", "settings", "tables", "weights", "Bundles", "HDF5", "Uploads", "pip-audit"])
def test_everything_that_is_not_trusted_has_its_section(kind: str):
    assert kind in PAGE
