from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from unmask.core.errors import MissingInput, UsageError
from unmask.core.settings import Settings, apply, list_keys


class Inner(Settings):
    size: int = 4
    share: float = Field(0.5, lt=1)
    names: tuple[str, ...] = ()


class Outer(Settings):
    inner: Inner = Inner()
    name: str = "a"
    several: tuple[Inner, ...] = ()


def test_yaml_comes_first_and_later_assignments_win(tmp_path: Path):
    (tmp_path / "s.yaml").write_text("name: b\ninner: {size: 5}\n")
    changed = apply(Outer(), tmp_path / "s.yaml", ["inner.size=6", "inner.size=7"])
    assert (changed.name, changed.inner.size) == ("b", 7)


def test_a_misspelt_key_is_refused_with_the_one_meant_and_those_beside_it():
    with pytest.raises(UsageError, match=r"inner\.sise: no such setting") as caught:
        apply(Outer(), None, ["inner.sise=5"])
    assert caught.value.hint == "did you mean inner.size? known keys: inner.size, inner.share, inner.names"
    assert list_keys(Outer) == ["inner.size", "inner.share", "inner.names", "name", "several"]


@pytest.mark.parametrize(
    ("assignment", "meant"),
    [("a.nmae=b", "a.name"), ("a.size=5", "a.inner.size"), ("a.iner.size=5", "a.inner"),
     ("a.several=[{sise: 1}]", "a.several.0.size")],
)  # fmt: skip
def test_what_was_meant_is_named_as_the_user_has_to_write_it(assignment: str, meant: str):
    with pytest.raises(UsageError) as caught:
        apply(Outer(), None, [assignment], under="a.")
    assert caught.value.hint.startswith(f"did you mean {meant}? known keys: a.")


@pytest.mark.parametrize(
    ("assignment", "allowed"),
    [
        ("inner.size=many", "inner.size should be a valid integer"),
        ("inner.size=1.5", "inner.size should be a valid integer"),
        ("inner.share=2", "inner.share should be less than 1"),
        ("inner.share=.inf", "inner.share should be a finite number"),
        ("inner.share=.nan", "inner.share should be a finite number"),
        ("inner.names=b", "inner.names should be a list, such as [a, b]"),
        ("inner=3", "inner has settings of its own: write `key: value` lines"),
        ("name=", "name should be a valid string"),
        ("several=[{size: x}]", "several.0.size should be a valid integer"),
    ],
)
def test_a_value_that_is_not_possible_is_refused_with_what_is(assignment: str, allowed: str):
    with pytest.raises(UsageError, match="is not possible") as caught:
        apply(Outer(), None, [assignment])
    assert caught.value.hint.startswith(allowed)
    assert "known keys" not in caught.value.hint


@pytest.mark.parametrize("assignment", ["name", "=b", 'name="b', "name=[b", "name=2020-13-45"])
def test_a_wrong_assignment_is_a_usage_error(assignment: str):
    with pytest.raises(UsageError):
        apply(Outer(), None, [assignment])


def test_a_prefix_says_whose_settings_they_are():
    assert apply(Inner(), None, ["inner.size=9"], under="inner.").size == 9
    with pytest.raises(UsageError):
        apply(Inner(), None, ["size=9"], under="inner.")


@pytest.mark.parametrize("written", ["size: 9\n", "inner: {size: 9}\n", "inner: {size: 9}\nnames: [b]\n"])
def test_a_file_may_name_the_level_or_leave_it_out(tmp_path: Path, written: str):
    (tmp_path / "s.yaml").write_text(written)
    assert apply(Inner(), tmp_path / "s.yaml", [], under="inner.").size == 9


@pytest.mark.parametrize("content", [b"", b"inner:", b"[a]", b"a: [b", b"\xff\xfe\x00", b"name: \x07"])
def test_a_file_without_settings_is_wrong_usage_that_names_it(tmp_path: Path, content: bytes):
    (tmp_path / "s.yaml").write_bytes(content)
    with pytest.raises(UsageError, match=r"s\.yaml: "):
        apply(Inner(), tmp_path / "s.yaml", [], under="inner.")


def test_a_folder_is_no_settings_file(tmp_path: Path):
    with pytest.raises(UsageError, match="not a file"):
        apply(Outer(), tmp_path, [])


def test_a_missing_settings_file_is_missing_input(tmp_path: Path):
    with pytest.raises(MissingInput):
        apply(Outer(), tmp_path / "none.yaml", [])


def test_only_a_changed_value_changes_the_fingerprint():
    assert Outer().fingerprint() == Outer(name="a").fingerprint()
    assert Outer().fingerprint() != Outer(name="b").fingerprint()
