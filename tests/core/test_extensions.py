from __future__ import annotations

import sys
from pathlib import Path

import pytest

from unmask.core.errors import MissingInput, UsageError
from unmask.core.extensions import hash_extension, is_extension, load_extension


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder holds a module of the user's own."""
    (tmp_path / "own_code.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own_code", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("own_code:double", True),
        ("a.b:C", True),
        ("dann", False),
        ("timm:convnext_tiny.fb_in1k", False),
        ("a:b:c", False),
    ],
)
def test_only_module_and_attribute_is_an_extension(name: str, answer: bool):
    assert is_extension(name) == answer


def test_a_file_of_the_current_folder_is_found():
    assert load_extension("own_code:double", "loss")(3) == 6


def test_an_installed_package_is_not_hidden_by_a_file_of_its_name(folder: Path):
    (folder / "yaml.py").write_text("hidden = True\n")
    assert load_extension("yaml:safe_load", "loss")("a: 1") == {"a": 1}


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("no_code:double", MissingInput, "no module 'no_code'"),
        ("no_code.deep:double", MissingInput, "no module 'no_code.deep'"),
        ("own_code:triple", UsageError, "has no 'triple'"),
        ("own_code", UsageError, "not of the form"),
        ("pydantic_core._pydantic_core:X", UsageError, "not a Python source file"),
        ("sys:path", UsageError, "a module of Python itself"),
        ("os.path:join", UsageError, "a module of Python itself"),
    ],
)
def test_what_cannot_be_loaded_is_reported(name: str, error: type[Exception], told: str):
    with pytest.raises(error, match=told):
        load_extension(name, "loss")


def test_changed_code_is_another_hash(folder: Path):
    before = hash_extension("own_code:double", "loss")
    assert before == hash_extension("own_code:double", "loss")
    (folder / "own_code.py").write_text("def double(x):\n    return x + x\n")
    assert hash_extension("own_code:double", "loss") != before


def test_a_change_anywhere_in_a_package_is_another_hash(folder: Path):
    package = folder / "own_package"
    package.mkdir()
    (package / "__init__.py").write_text("from own_package.inner import Loss\n")
    (package / "inner.py").write_text("class Loss: ...\n")
    before = hash_extension("own_package:Loss", "loss")
    (package / "inner.py").write_text("class Loss:\n    weight = 1\n")
    assert hash_extension("own_package:Loss", "loss") != before


def test_code_that_changed_after_it_was_imported_is_refused(folder: Path):
    load_extension("own_code:double", "loss")
    (folder / "own_code.py").write_text("def double(x):\n    return x + x\n")
    with pytest.raises(UsageError, match="has changed since it was imported"):
        load_extension("own_code:double", "loss")
