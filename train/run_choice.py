"""Which run is taken when none is named: the newest that `unmask train` was asked for.

A run that only an ablation or an ensemble asked for has the file purpose.json; asking `unmask train` for the same run
removes it. A control trained on shuffled labels is never taken by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from unmask.core.errors import MissingInput, UsageError, raise_read_failure
from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.core.suggestions import suggest
from unmask.train.bundles.opening import is_bundle
from unmask.train.run_folder import CONFIG, INPUTS, PURPOSE, REMEDY

Purpose = Literal["train", "ablation", "member", "control"]
OLD_TABLE = "ablation.json"
"""In the folder of the runs: the table of the last ablation, up to version 0.1."""
LISTED = 5
"""Runs that a message names."""


def record_purpose(run: Path, purpose: Purpose) -> None:
    """Write down that an ablation or an ensemble makes the new run `run`, or that it was asked for by itself.

    A run that was there before keeps its purpose when an ablation or an ensemble reuses or continues it.
    """
    if purpose == "train":
        (run / PURPOSE).unlink(missing_ok=True)
    elif not (run / CONFIG).is_file():
        sealed_files.write_json(run / PURPOSE, {"purpose": purpose})


def read_purpose(run: Path) -> Purpose:
    """What the run is for. A damaged file means the run of an ablation, which is not taken by itself."""
    if _read(run / CONFIG).get("shuffle_labels"):
        return "control"
    if not (run / PURPOSE).is_file():
        return "ablation" if _is_of_old_ablation(run) else "train"
    return "member" if _read(run / PURPOSE).get("purpose") == "member" else "ablation"


def _is_of_old_ablation(run: Path) -> bool:
    """Is it in the table of earlier versions, which marked no run, and not asked for by `unmask train` since?"""
    table = run.parent / OLD_TABLE
    try:
        if (run / INPUTS).stat().st_mtime_ns > table.stat().st_mtime_ns:
            return False
    except OSError:
        return False
    rows = _read(table).get("rows")
    listed = [row.get("runs") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return any(run.name in names for names in listed if isinstance(names, list))


def list_members(run: Path) -> list[str]:
    """Names of the members of an ensemble; empty for any other run."""
    return [member["run"] for member in _read(run / INPUTS).get("members") or ()]


def list_run_folders(runs: Path) -> list[Path]:
    """Folders of the runs, the one trained or asked for last first."""
    found = sorted(runs.glob(f"*/{INPUTS}"), key=lambda path: (path.stat().st_mtime_ns, path), reverse=True)
    return [path.parent for path in found]


def find_run(runs: Path, named: str | Path | None, ensemble: int | None = None) -> Path:
    """The run `named` by its name or folder, or the bundle in a folder; None: the newest that `train` was asked for.

    `ensemble`: the newest ensemble of so many members instead. `MissingInput` when there is none, with the names of
    those that there are.
    """
    if named is not None and ensemble is not None:
        raise UsageError(f"{named}: both a run and an ensemble are asked for", "give --run or --ensemble")
    if named is not None:
        return _find_named(runs, Path(named))
    found = list_run_folders(runs)
    for run in found:
        refuse_damaged(run)
        if read_purpose(run) == "train" and ensemble in (None, len(list_members(run))):
            return run
    if ensemble is not None:
        raise MissingInput(f"{runs}: no ensemble of {ensemble} members", f"{REMEDY} --ensemble {ensemble}")
    if found:
        problem = f"{runs}: only runs of ablations, members of ensembles and controls, none of which is taken by itself"
        raise MissingInput(problem, f"{REMEDY}, or name one with --run: {_list_names(found)}")
    raise MissingInput(f"{runs}: no trained run", REMEDY)


def refuse_damaged(run: Path) -> None:
    """`MissingInput` for a run that does not say what it is for: an older one would be taken in its place."""
    for path in (run / INPUTS, run / CONFIG, run / PURPOSE):
        try:
            sealed_files.read_json(path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            remedy = f"{REMEDY} with its settings, name a run with --run, or unmask runs rm {run.name}"
            raise as_missing_input(error, f"{path}: not readable", remedy) from error


def _find_named(runs: Path, named: Path) -> Path:
    for run in (runs / named, named):
        if (run / INPUTS).is_file() or is_bundle(run):
            return run
    found = list_run_folders(runs)
    listed = f"runs: {_list_names(found)}; or {REMEDY}" if found else f"{REMEDY} first, or give its folder"
    raise MissingInput(f"{named}: no trained run", suggest(named.name, [run.name for run in found]) + listed)


def _list_names(found: list[Path]) -> str:
    more = f" and {len(found) - LISTED} more (unmask runs ls)" if len(found) > LISTED else ""
    return ", ".join(run.name for run in found[:LISTED]) + more


def _read(path: Path) -> dict[str, Any]:
    try:
        return sealed_files.read_json(path)
    except (OSError, ValueError) as error:
        raise_read_failure(error)
        return {}
