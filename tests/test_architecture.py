"""The house: an import points down only, never in a circle, and the command line starts without loading a stage."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = (
    {"core"},
    {"metrics", "demo"},
    {"media"},
    {"manifests"},
    {"preprocess"},
    {"cache"},
    {"train"},
    {"evaluation"},
    {"unmask"},
)
FLOOR = {folder: number for number, folders in enumerate(FLOORS) for folder in folders}
STAGES = FLOOR.keys() - {"unmask"}
# Through the links of unmask/ every stage would be seen a second time.
SOURCES = sorted(
    path
    for folder in FLOOR
    for path in (ROOT / folder).rglob("*.py")
    if folder != "unmask" or path.relative_to(ROOT / folder).parts[0] not in STAGES
)
SCRIPTS = sorted(path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
MOST_FILES = 17
"""Of a folder, its `__init__.py` included. unmask/cli has one file per command instead."""


def identify(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """(module as written, whether it is loaded with the file); `from x import y` gives x.y."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for node, at_once in _statements(tree, at_once=True):
        if isinstance(node, ast.Import):
            found += [(alias.name, at_once) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides which floor it reaches"
            found += [(f"{node.module}.{alias.name}", at_once) for alias in node.names]
    return tuple(found)


def _statements(node: ast.AST, *, at_once: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        yield child, at_once
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _only_for_types(child)
        yield from _statements(child, at_once=at_once and not later)


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def source_of(module: str) -> Path | None:
    """The file of `unmask.<...>`, or of the longest part of it that is a module; None for another package."""
    name, *parts = module.split(".")
    if name != "unmask":
        return None
    for count in range(len(parts), -1, -1):
        place = ROOT.joinpath(*parts[:count]) if parts and parts[0] in STAGES else ROOT.joinpath(name, *parts[:count])
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    return None


def test_every_floor_has_sources():
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(FLOOR)


def test_the_package_links_every_floor():
    linked = {path.name: path.readlink().as_posix() for path in (ROOT / "unmask").iterdir() if path.is_symlink()}
    assert linked == {folder: f"../{folder}" for folder in STAGES}


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_imports_point_down(path: Path):
    floor = FLOOR[path.relative_to(ROOT).parts[0]]
    for module, _ in imports(path):
        target = source_of(module)
        if target is not None:
            folder = target.relative_to(ROOT).parts[0]
            same = folder == path.relative_to(ROOT).parts[0]
            assert same or FLOOR[folder] < floor, f"{identify(path)} imports {module}"


@pytest.mark.parametrize("path", SOURCES + SCRIPTS, ids=identify)
def test_a_stage_is_imported_under_its_one_name(path: Path):
    """`import cache` would find the user's module, or make a second one of ours."""
    bare = [module for module, _ in imports(path) if module.split(".")[0] in STAGES]
    assert not bare


def test_no_import_goes_in_a_circle():
    edges = {path: {source_of(module) for module, at_once in imports(path) if at_once} - {path} for path in SOURCES}
    left = dict(edges)
    while free := [path for path, targets in left.items() if not targets & left.keys()]:
        for path in free:
            del left[path]
    assert not left, f"in or above a circle: {', '.join(map(identify, left))}"


def test_no_folder_is_a_heap():
    folders = {path.parent for path in SOURCES} - {ROOT / "unmask/cli"}
    counts = {identify(folder): len(list(folder.glob("*.py"))) for folder in folders}
    assert {name: count for name, count in counts.items() if count > MOST_FILES} == {}


def test_there_is_no_drawer_for_everything():
    assert not [path for path in SOURCES if path.stem in {"utils", "util", "helpers", "common", "misc"}]


def test_nothing_unsafe_is_loaded():
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text, path
        assert "weights_only=False" not in text, path
        assert "trust_remote_code=True" not in text, path


@pytest.mark.parametrize("module", ["unmask", "unmask.cli.app"])
def test_starting_loads_no_stage(module: str):
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert module in loaded
    assert not {name.split(".")[0] for name in loaded} & {"torch", "numpy", "pyarrow", "transformers", *STAGES}
    assert not {name for name in loaded for stage in STAGES - {"core"} if name.startswith(f"unmask.{stage}")}


def test_a_prediction_waits_for_no_library_that_it_does_not_use():
    program = "import sys, unmask.evaluation.verdicts.predict; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert "torch" in loaded
    assert not loaded & {"sklearn", "scipy.optimize", "scipy.signal", "transformers", "timm", "matplotlib"}
