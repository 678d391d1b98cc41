"""One work folder for all tests of the Python API: made by executing docs/python-api.md, with the tiny profile."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from guides import code_blocks

import unmask


@dataclass(frozen=True)
class Guide:
    folder: Path
    """Where its code ran; holds data/ and work/."""
    names: dict[str, Any]
    """What the code defined."""

    @property
    def work(self) -> unmask.Work:
        return unmask.Work(self.folder / "work")

    @property
    def run(self) -> unmask.Run:
        run: unmask.Run = self.names["run"]
        return unmask.Work(self.folder / "work").run(run.name)


@pytest.fixture(scope="session")
def guide(tmp_path_factory: pytest.TempPathFactory, demo_corpus: Path) -> Guide:
    """The guide executed from top to bottom. Its demo data are the session's: the same seed and scale."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "data").symlink_to(demo_corpus)
    names: dict[str, Any] = {"__name__": "guide"}
    with contextlib.chdir(folder):
        for number, block in enumerate(code_blocks("python-api.md")):
            exec(compile(block, f"python-api.md, block {number}", "exec"), names)
    return Guide(folder, names)
