"""The pinned list is complete, hashed and names no index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCKS = ("lock.txt", "moto.txt", "uv.txt")


def pinned(name: str) -> dict[str, str]:
    """Package -> the rest of its entry, hashes included."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return {
        match[1]: match[0] for match in re.finditer(r"^([\w.-]+)==[^\\]+\\\n(?:[ ]{4}--hash=.*\n)+", text, re.MULTILINE)
    }


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_by_hash_and_no_index_is_named(name: str):
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert len(pinned(name)) == len(set(re.findall(r"^[\w.-]+==", text, re.MULTILINE)))
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_every_dependency_is_in_the_pinned_list():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {Requirement(line).name.lower().replace("_", "-") for line in wanted}
    assert names <= set(pinned("lock.txt"))
