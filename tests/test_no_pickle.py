"""No file of others is unpickled: neither by the program nor by a library that it calls."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from functools import cache
from multiprocessing import forkserver
from pathlib import Path

import numpy as np
import pytest
import torch
from pickle_guard import Unpickled

ROOT = Path(__file__).parents[1]
PRODUCT = ("core", "media", "metrics", "demo", "manifests", "preprocess", "cache", "train", "evaluation", "unmask")
PICKLERS = {"pickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# Results of the program's own processes; an error that torch raises.
IMPORTED = {("core/process_pool.py", "ForkingPickler")}
HARMLESS = {"UnpicklingError"}


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this ran",)


@pytest.fixture
def as_product() -> dict[str, object]:
    """Globals of a module of ours."""
    return {"__name__": "unmask.made_up", "np": np, "torch": torch, "pickle": pickle}


@pytest.mark.parametrize("code", ["np.load(path, allow_pickle=True)", "torch.load(path, weights_only=False)"])
def test_the_guard_sees_what_a_library_unpickles_for_us(code: str, as_product, tmp_path: Path, capsys):
    path = tmp_path / "file"
    with path.open("wb") as file:
        np.save(file, np.array([Evil()], object), allow_pickle=True) if "np." in code else torch.save(Evil(), file)
    with pytest.raises(Unpickled, match=r"unmask\.made_up\.1 unpickles"):
        exec(code, as_product | {"path": path})
    assert capsys.readouterr().out == ""
    pickle.loads(pickle.dumps(Evil()))  # the tests themselves may
    assert capsys.readouterr().out == "this ran\n"


def test_the_guard_lets_weights_and_processes_pass(as_product, tmp_path: Path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "a.pth")
    exec("found = torch.load(path, weights_only=True)", as_product | {"path": tmp_path / "a.pth"})
    torch.save(Evil(), tmp_path / "b.pth")
    with pytest.raises(pickle.UnpicklingError):
        exec("torch.load(path, weights_only=True)", as_product | {"path": tmp_path / "b.pth"})


def test_the_guard_is_in_worker_processes_too():
    """They are forked from a server that loads it first."""
    assert "pickle_guard" in forkserver._forkserver._preload_modules
    assert "pickle_guard" in sys.modules


@cache
def list_sources() -> dict[str, ast.Module]:
    paths = [path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def test_no_module_of_ours_imports_a_pickler():
    found = set()
    for path, tree in list_sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {(path, one.name) for one in node.names if one.name.split(".")[0] in PICKLERS}
            elif isinstance(node, ast.ImportFrom):
                module, names = (node.module or "").split(".")[0], {one.name for one in node.names}
                found |= {(path, name) for name in names if module in PICKLERS or name == "ForkingPickler"}
    assert {(path, name) for path, name in found if name not in HARMLESS} <= IMPORTED


def test_every_call_that_could_unpickle_says_that_it_does_not():
    wrong = []
    for path, tree in list_sources().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            called = ast.unparse(node.func)
            given = {one.arg: ast.unparse(one.value) for one in node.keywords}
            if called == "torch.load" and given.get("weights_only") != "True":
                wrong.append(f"{path}:{node.lineno} {called}")
            if called in ("np.load", "numpy.load") and given.get("allow_pickle") != "False":
                wrong.append(f"{path}:{node.lineno} {called}")
            if called in ("torch.jit.load", "torch.hub.load", "yaml.load", "yaml.unsafe_load", "eval", "exec"):
                wrong.append(f"{path}:{node.lineno} {called}")
    assert not wrong


def test_importing_the_program_unpickles_nothing():
    code = "import pickle_guard, unmask.cli.app, unmask.evaluation.verdicts.predict, unmask.train.run_folder"
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": ""}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
