"""The error of a file that is not as it was written."""

from __future__ import annotations

from unmask.core.errors import DamagedInput, MissingInput, raise_read_failure


class Damaged(ValueError):
    """A file whose content is not what was written. The text names the file."""


def as_missing_input(error: BaseException, problem: str, remedy: str) -> MissingInput:
    """The error to raise for a file that could not be used: `DamagedInput` where that is known, else with `problem`.

    Raises `error` again where the disk or the network failed: that says nothing of the file.
    """
    raise_read_failure(error)
    return DamagedInput(str(error), remedy) if isinstance(error, Damaged) else MissingInput(problem, remedy)
