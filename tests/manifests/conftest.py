"""Trees of empty files, and rows without files, for the tests of manifests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

MakeTree = Callable[..., Path]


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    """`make_tree("a/b.mp4", ("list.txt", "text"))`: a folder with empty files, or with files of the given text."""

    def make(*files: str | tuple[str, str], root: str = "data") -> Path:
        folder = tmp_path / root
        folder.mkdir(exist_ok=True)
        for file in files:
            name, text = (file, "") if isinstance(file, str) else file
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return folder

    return make
