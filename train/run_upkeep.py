"""Room on the disk that runs take, and removing what is no longer needed."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Sequence
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from unmask.core.atomic_files import remove_path
from unmask.core.buckets.mirrored import forget_path
from unmask.core.errors import UsageError
from unmask.core.file_lock import hold_lock, take_lock
from unmask.train.run_choice import list_members, list_run_folders, read_purpose
from unmask.train.run_folder import INPUTS, LAST, LOCK, SUMMARY

WHAT = "another training or evaluation of this run"

Given = ParamSpec("Given")
Result = TypeVar("Result")


def alone_with_run(
    function: Callable[Concatenate[Path, Given], Result],
) -> Callable[Concatenate[Path, Given], Result]:
    """A decorator for what writes into the run of its first argument: `Held` while another process does."""

    @wraps(function)
    def call(run: Path, /, *args: Given.args, **options: Given.kwargs) -> Result:
        if not run.is_dir():  # the function says what is wrong
            return function(run, *args, **options)
        with hold_lock(run / LOCK, WHAT):
            return function(run, *args, **options)

    return call


def list_spent_states(runs: Path) -> list[Path]:
    """last.pth of every finished run: only an unfinished training is resumed from it."""
    return sorted(path for path in runs.glob(f"*/{LAST}") if (path.parent / SUMMARY).is_file())


def remove_states(states: Sequence[Path]) -> list[Path]:
    """Remove those that `list_spent_states` found and that are still spent; which these were.

    One that is being trained again is kept.
    """
    removed = []
    for path in states:
        lock = take_lock(path.parent / LOCK) if path.parent.is_dir() else None
        if lock is None:
            continue
        try:
            if (path.parent / SUMMARY).is_file():
                path.unlink(missing_ok=True)
                removed.append(path)
        finally:
            lock.release()
    return removed


def find_ensembles(runs: Path) -> dict[str, list[str]]:
    """Member -> the ensembles that average it."""
    found: dict[str, list[str]] = {}
    for run in list_run_folders(runs):
        for member in list_members(run):
            found.setdefault(member, []).append(run.name)
    return found


def list_own_members(runs: Path, ensembles: Collection[Path]) -> list[Path]:
    """Members that were trained for `ensembles` alone: no other ensemble and no other command uses them."""
    used, names = find_ensembles(runs), {run.name for run in ensembles}
    members = dict.fromkeys(member for run in ensembles for member in list_members(run))
    own = [runs / member for member in members if set(used[member]) <= names]
    return [run for run in own if (run / INPUTS).is_file() and read_purpose(run) == "member"]


def remove_run(runs: Path, run: Path) -> None:
    """Remove a run and its evaluation. `UsageError` if it is being trained, or lies outside `runs`.

    After a kill there is still a run of this name, and the next call removes the rest.
    """
    if run.resolve().parent != runs.resolve():
        raise UsageError(f"{run}: not a run of {runs}", "unmask runs ls lists them")
    with hold_lock(run / LOCK, WHAT):
        forget_path(run)
        for path in run.iterdir():
            if path.name != INPUTS:  # by which it is known as a run
                remove_path(path)
        try:
            remove_path(run)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            remove_path(run)  # another command that asked for the lock made its file again
