"""What a benchmark hands to the table of speed goals, and the media it measures on."""

from __future__ import annotations

import os
from pathlib import Path

Figures = dict[str, float]
"""Name of a figure -> its value; goals in benchmarks/goals refer to these names."""


class NotMeasured(Exception):
    """This machine, or what it was given, lacks what the figure is about. The text says what."""


def find_corpora() -> list[Path]:
    """The folders that UNMASK_CORPUS names, separated by colons. `NotMeasured` without one, or if one is missing."""
    folders = [Path(name) for name in os.environ.get("UNMASK_CORPUS", "").split(os.pathsep) if name]
    if not folders or not all(folder.is_dir() for folder in folders):
        raise NotMeasured("set UNMASK_CORPUS to a folder of media")
    return folders


def find_corpus() -> Path:
    """The first of them."""
    return find_corpora()[0]
