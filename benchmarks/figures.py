"""What a benchmark hands to the table of speed goals, and the media it measures on."""

from __future__ import annotations

import os
from pathlib import Path

Figures = dict[str, float]
"""Name of a figure -> its value; goals in benchmarks/goals refer to these names."""


class NotMeasured(Exception):
    """This machine, or what it was given, lacks what the figure is about. The text says what."""


def find_corpus() -> Path:
    """The first folder that UNMASK_CORPUS names. `NotMeasured` without one."""
    given = os.environ.get("UNMASK_CORPUS", "").split(os.pathsep)[0]
    if not given or not Path(given).is_dir():
        raise NotMeasured("set UNMASK_CORPUS to a folder of media")
    return Path(given)
