"""Settings of bad will: no value that hides another, and none that takes the machine."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field

from unmask.core.errors import UsageError
from unmask.core.files.plain_yaml import LARGEST, NotPlain, read_yaml
from unmask.core.settings import Settings, apply


class Inner(Settings):
    size: int = Field(4, ge=1)


class Outer(Settings):
    epochs: int = Field(3, ge=1)
    rate: float = 0.1
    names: tuple[str, ...] = ()
    inner: Inner = Inner()


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED = {
    "billion laughs": (LAUGHS, "more than 20000 values"),
    "itself": ("a: &a [*a]", "contains itself"),
    "a hundred thousand brackets": ("[" * 100_000, "levels"),
    "deep": ("{a: " * 60 + "1" + "}" * 60, "levels"),
    "a key twice": ("epochs: 3\nrate: 1\nepochs: 4", "'epochs' is there twice"),
    "a key twice, deeper": ("inner: {size: 1, size: 2}", "'size' is there twice"),
    "a key that is a list": ("? [a, b]\n: 1", "no text"),
    "a number of a million digits": ("epochs: " + "9" * 100_000, "a number of 100000 characters"),
    "a hexadecimal one": ("epochs: 0x" + "f" * 5000, "a number of 5002 characters"),
    "code": ("epochs: !!python/object/apply:os.system [true]", "could not determine a constructor"),
    "another tag": ("epochs: !Ref x", "could not determine a constructor"),
    "escape sequences": ("epochs: \x1b[31m", "special characters are not allowed"),
    "an impossible date": ("a: 2024-13-45", "month must be in 1..12"),
    "too long": ("a: " + "x" * LARGEST, "characters"),
    "two documents": ("a: 1\n---\na: 2", "expected a single document"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_of_bad_will_are_refused(name: str, tmp_path: Path):
    text, problem = REFUSED[name]
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"settings\.yaml: not YAML") as raised:
        apply(Outer(), path, [])
    assert problem in raised.value.problem
    assert len(raised.value.problem) < 1000


@pytest.mark.parametrize("name", ["a key twice", "a hexadecimal one", "code"])
def test_on_the_command_line_too(name: str):
    with pytest.raises(NotPlain):
        read_yaml(REFUSED[name][0])


@pytest.mark.parametrize(
    "value",
    [
        ".nan",
        ".inf",
        "-.inf",
        "1e999",
        "yes",
        "null",
        "2024-01-01",
        "[1]",
        "{a: 1}",
        "!!set {a, b}",
        "!!binary aGFsbG8=",
    ],
)
def test_values_of_another_type_are_refused(value: str):
    for key in ("epochs", "inner.size"):
        with pytest.raises(UsageError):
            apply(Outer(), None, [f"{key}={value}"])


def test_what_people_write_is_read():
    assert read_yaml("# nothing") is None
    text = "base: &base {size: 3}\ninner: {<<: *base}\nday: 2024-01-01\nn: 0x1F\nx: .5\nlist: [a, 'b']\n'1': a\n1: b"
    assert read_yaml(text) == {
        "base": {"size": 3},
        "inner": {"size": 3},
        "day": date(2024, 1, 1),
        "n": 31,
        "x": 0.5,
        "list": ["a", "b"],
        "1": "a",
        1: "b",
    }


@given(st.text(st.sampled_from("ab: -[]{}&*!?|>'\"#%@`,\n\t01.~\x1b\\"), max_size=60))
@example("? ? ? ? a")
@example("!!int x")
@example("!!float [")
@example("a: !!timestamp ''")
@example("<<: 3")
@example("=: 1")
def test_any_text_is_read_or_refused(text: str):
    try:
        apply(Outer(), None, [f"names={text}"])
        read_yaml(text)
    except (UsageError, NotPlain):
        pass
