from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import MissingInput, UsageError
from core.settings import Settings, apply, known_keys


class Inner(Settings):
    size: int = 4


class Outer(Settings):
    inner: Inner = Inner()
    name: str = "a"


def test_yaml_comes_first_and_later_assignments_win(tmp_path: Path):
    (tmp_path / "s.yaml").write_text("name: b\ninner: {size: 5}\n")
    changed = apply(Outer(), tmp_path / "s.yaml", ["inner.size=6", "inner.size=7"])
    assert (changed.name, changed.inner.size) == ("b", 7)


def test_an_unknown_key_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"inner\.sise") as caught:
        apply(Outer(), None, ["inner.sise=5"])
    assert caught.value.hint == "known keys: inner.size, name"
    assert known_keys(Outer) == ["inner.size", "name"]


@pytest.mark.parametrize("assignment", ["name", "=b", "inner.size=many"])
def test_a_wrong_assignment_is_a_usage_error(assignment: str):
    with pytest.raises(UsageError):
        apply(Outer(), None, [assignment])


def test_a_prefix_says_whose_settings_they_are():
    assert apply(Inner(), None, ["inner.size=9"], under="inner.").size == 9
    with pytest.raises(UsageError):
        apply(Inner(), None, ["size=9"], under="inner.")


def test_a_missing_settings_file_is_missing_input(tmp_path: Path):
    with pytest.raises(MissingInput):
        apply(Outer(), tmp_path / "none.yaml", [])


def test_only_a_changed_value_changes_the_fingerprint():
    assert Outer().fingerprint() == Outer(name="a").fingerprint()
    assert Outer().fingerprint() != Outer(name="b").fingerprint()
