"""The wheel, used beside somebody else's modules of the same names as our folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
DATA = (
    "py.typed",
    "core/html/page.css",
    "evaluation/report/page.html",
    "manifests/audit/page.html",
    "manifests/datasets/ffpp/*.json",
)
THEIRS = ("train.py", "core.py", "demo.py", "cache/__init__.py", "metrics/fit.py", "evaluation/__init__.py")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without network from a copy of the sources, so that no build folder is left among them."""
    copy, out = tmp_path_factory.mktemp("sources") / "unmask", tmp_path_factory.mktemp("wheel")
    floors = [path.name for path in (ROOT / "unmask").iterdir() if path.is_symlink()]
    for name in ("unmask", *floors):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    done = subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's research folder."""
    folder = tmp_path_factory.mktemp("project")
    for name in THEIRS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("THEIRS = True\n\ndef fit():\n    return 'theirs'\n")
    return folder


def python(project: Path, installed: Path, *arguments: str) -> str:
    """Python in the folder, which is first on the path, as it is for a script or a notebook there."""
    path = os.pathsep.join([".", str(installed)])
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_has_one_top_level_name(wheel: Path):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"unmask"}


def test_the_wheel_has_every_source_file_and_its_data(wheel: Path):
    packed = set(zipfile.ZipFile(wheel).namelist())
    sources = [path for path in sorted((ROOT / "unmask").iterdir()) if path.suffix == ".py"]
    for folder in (path for path in (ROOT / "unmask").iterdir() if path.is_dir() and path.name != "__pycache__"):
        sources += sorted(folder.resolve().rglob("*.py"))
    assert len(sources) > 100
    inside = [path.relative_to(ROOT).as_posix() for path in sources]
    expected = {name if name.startswith("unmask/") else f"unmask/{name}" for name in inside}
    assert expected - packed == set()
    for pattern in DATA:
        files = sorted((ROOT / "unmask" / Path(pattern).parent).resolve().glob(Path(pattern).name))
        assert files, pattern
        assert {f"unmask/{Path(pattern).parent.as_posix()}/{file.name}".replace("/./", "/") for file in files} <= packed


@pytest.fixture(scope="session")
def answers(project: Path, installed: Path) -> dict[str, str]:
    """What one process there says: importing the training takes seconds."""
    program = """
import json, sys, unmask, train, core, cache, metrics.fit
from unmask.train.fit import fit
answers = {
    "package": unmask.__file__,
    "version": unmask.__version__,
    "fit": sys.modules[fit.__module__].__file__,
    "theirs": f"{train.THEIRS} {metrics.fit.fit()}",
}
print(json.dumps(answers))
"""
    answers: dict[str, str] = json.loads(python(project, installed, "-c", program))
    return answers


def test_imports_reach_the_package_and_not_the_users_modules(answers: dict[str, str], installed: Path):
    assert answers["package"] == f"{installed}/unmask/__init__.py"
    assert answers["fit"] == f"{installed}/unmask/train/fit.py"


def test_the_users_modules_stay_importable(answers: dict[str, str]):
    assert answers["theirs"] == "True theirs"


def test_the_command_line_works_there(project: Path, installed: Path):
    assert "full-cdan" in python(project, installed, "-m", "unmask", "presets")


def test_the_version_is_that_of_the_wheel(answers: dict[str, str], wheel: Path):
    assert answers["version"] == wheel.name.split("-")[1]


def test_the_collector_looks_through_nothing_when_a_command_ends():
    script = (
        "import atexit, gc\n"
        "from unmask.environment import ease_collection\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000, gc.get_threshold()[0]))\n"
        "ease_collection()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True 10000\n"
