"""The house: an import points down only, and the command line starts without loading a stage."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("core", "manifests", "preprocess", "cache", "train", "evaluation", "commands")
SOURCES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))


def imported_packages(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides which floor it reaches"
            yield str(node.module).split(".")[0]


def test_every_floor_has_sources():
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(FLOORS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_down(path: Path):
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    forbidden = {*FLOORS[floor + 1 :], "unmask"}
    assert not forbidden & set(imported_packages(path))


def test_there_is_no_drawer_for_everything():
    assert not [path for path in SOURCES if path.stem in {"utils", "util", "helpers", "common", "misc"}]


def test_nothing_unsafe_is_loaded():
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text, path
        assert "weights_only=False" not in text, path
        assert "trust_remote_code=True" not in text, path


def test_help_loads_no_stage():
    program = "import sys, unmask; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert "typer" in loaded
    assert not loaded & {"torch", "numpy", "pyarrow", "transformers", *FLOORS[1:-1]}
