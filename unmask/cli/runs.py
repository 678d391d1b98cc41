"""`unmask runs`: list, show and remove trained runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.console import confirm, format_size
from unmask.cli.options import Call, command
from unmask.core.errors import MissingInput
from unmask.core.files.disk_use import measure_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmask.core.terminal.wide_table import WideTable
    from unmask.run import Run

log = logging.getLogger("unmask")

NO_RUN = "unmask runs rm, then train again"
"""Remedy for a run whose settings are damaged."""

app = typer.Typer(help="List, show and remove trained runs.", no_args_is_help=True)

Names = Annotated[list[str], typer.Argument(help="Names of runs; `unmask runs ls` lists them.")]


@app.command()
@command()
def ls(call: Call) -> None:
    """List runs, newest first: preset, seed, training data, AUC with its interval on the evaluated split, age, size."""
    rows = [_describe(run) for run in call.work.runs()]
    if rows:
        call.console.show(make_run_table(rows))
    call.console.say(f"{len(rows)} runs, {format_size(sum(row['bytes'] for row in rows)).strip()}")
    call.console.result["runs"] = rows


@app.command()
@command()
def show(call: Call, run: Annotated[str, typer.Argument(help="Name or folder of a run.")]) -> None:
    """Show a run: results, settings that differ from the defaults, encoders, files."""
    from unmask.train.config import TrainConfig

    chosen = call.work.run(run)
    about, settings = _describe(chosen), _read_settings(chosen)
    defaults = TrainConfig().model_dump(mode="json")
    changed = {name: value for name, value in settings.items() if value != defaults.get(name)}
    encoders = _read_encoders(chosen)
    files = {path.name: path.stat().st_size for path in sorted(chosen.folder.iterdir()) if path.is_file()}
    call.console.show_list("run", chosen.name, {name: _format(value) for name, value in about.items()})
    call.console.show_list("setting", "not as the default", changed)
    call.console.show_list("encoder", "tokens", encoders)
    members = {member.name: _describe_member(member) for member in chosen.members}
    if members:
        call.console.show_list("member", "trained", members)
    call.console.show_list("file", "size", {name: format_size(size).strip() for name, size in files.items()})
    call.console.result |= {"run": about, "settings": settings, "encoders": encoders, "files": files} | {
        "members": list(members)
    }


@app.command()
@command()
def rm(
    call: Call,
    names: Names,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be removed; remove nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking for confirmation.")] = False,
    members: Annotated[
        bool, typer.Option("--members", help="Also remove the members of an ensemble that were trained for it alone.")
    ] = False,
) -> None:
    """Remove runs and their evaluations. Asks for confirmation; tokens stay (see `unmask cache gc`)."""
    from unmask.train.run_upkeep import find_ensembles, list_own_members, remove_run

    console, folder = call.console, call.work.folder.runs
    found = {run.name: run.folder for run in map(call.work.run, names)}
    if members:
        found |= {path.name: path for path in list_own_members(folder, list(found.values()))}
    sizes = {name: measure_size(path) for name, path in found.items()}
    for name, size in sizes.items():
        console.say(f"{format_size(size)}  {name}")
    for name, ensembles in find_ensembles(folder).items():
        if broken := sorted(set(ensembles) - set(found)) if name in found else []:
            console.say(f"{name} is a member of {', '.join(broken)}, which cannot score without it")
    console.result |= {"runs": sizes, "removed": []}
    if not dry_run and (yes or confirm(console.as_json)):
        for name, path in found.items():
            remove_run(folder, path)
            console.result["removed"].append(name)
        console.say("removed")


def make_run_table(rows: Sequence[dict[str, Any]]) -> WideTable:
    from unmask.core.terminal.wide_table import Column, WideTable

    shown = {
        "for": [row["purpose"] for row in rows],
        "preset": [_format(row["preset"]) for row in rows],
        "seed": [_format(row["seed"]) for row in rows],
        "data": [_count_datasets(row["datasets"]) for row in rows],
        "split": [_format(row["split_scheme"]) for row in rows],
        "epochs": [_format(row["epochs"]) if row["finished"] else "unfinished" for row in rows],
        "best": [_format(row["best_epoch"]) for row in rows],
        "val macro AUC": [_format(row["validation_macro_auc"]) for row in rows],
        "macro AUC [95 %]": [_format_auc(row) for row in rows],
        "macro 5+": [_format(row["macro_5_auc"]) for row in rows],
        "pooled AUC": [_format(row["pooled_auc"]) for row in rows],
        "probe AUC": [_format(row["probe_pooled_auc"]) for row in rows],
        "on": [row["evaluated"] or "" for row in rows],
        "size": [format_size(row["bytes"]).strip() for row in rows],
        "age": [_format_age(row["age_seconds"]) for row in rows],
    }
    left = ("for", "preset", "data", "split", "on")
    columns = [Column(heading=heading, cells=cells, left=heading in left) for heading, cells in shown.items()]
    return WideTable(names=Column(heading="run", cells=[row["run"] for row in rows]), columns=columns)


def _describe(run: Run) -> dict[str, Any]:
    """Its row in `Work.runs()` with size and time; a damaged run has only its problem, which is also a warning."""
    from datetime import datetime

    from unmask.run import FIGURES, INTERVAL
    from unmask.train.run_choice import refuse_damaged
    from unmask.train.run_folder import INPUTS

    about = ("preset", "seed", "members", "epochs", "best_epoch", "validation_macro_auc", "datasets", "split_scheme")
    keys = (*about, "evaluated", *FIGURES, *INTERVAL)
    row: dict[str, Any] = {"run": run.name, "purpose": run.purpose, "finished": run.finished, "problem": None}
    try:
        refuse_damaged(run.folder)
        row |= run.as_row()
    except (MissingInput, ValueError) as error:
        problem, _, hint = str(error).partition("\n")
        log.warning("%s (%s)", problem, hint.removeprefix("hint: ") if isinstance(error, MissingInput) else NO_RUN)
        row |= dict.fromkeys(keys) | {"purpose": "damaged", "problem": problem}
    changed = datetime.fromtimestamp((run.folder / INPUTS).stat().st_mtime)
    age = round((datetime.now() - changed).total_seconds())
    return row | {
        "bytes": measure_size(run.folder),
        "changed": changed.strftime("%Y-%m-%d %H:%M"),
        "age_seconds": age,
    }


def _describe_member(member: Run) -> str:
    try:
        row = member.as_row()
    except (MissingInput, ValueError):
        return "gone or damaged"
    return f"seed {row['seed']}, best epoch {_format(row['best_epoch'])}"


def _read_settings(run: Run) -> dict[str, Any]:
    try:
        return run.config.model_dump(mode="json")
    except ValueError as error:
        raise MissingInput(f"{run.folder}: its settings cannot be read", NO_RUN) from error


def _read_encoders(run: Run) -> dict[str, str]:
    """Encoder -> name of the token store that the run was trained on."""
    from unmask.train.run_folder import read_inputs
    from unmask.train.token_usage import name_stores

    return name_stores(read_inputs(run.folder).get("streams") or {})


def _count_datasets(names: str | None) -> str:
    """The names of one or two datasets, or how many there are."""
    if names is None:
        return "n/a"
    count = names.count(", ") + 1
    return names if count <= 2 else f"{count} datasets"


def _format_auc(row: dict[str, Any]) -> str:
    from unmask.evaluation.terminal_table import format_with_interval

    low, high = row["macro_auc_low"], row["macro_auc_high"]
    return format_with_interval(row["macro_auc"], None if low is None else (low, high))


def _format_age(seconds: int) -> str:
    """Since the run was trained or asked for: "5 min", "3 h", "12 days"."""
    minutes = max(0, seconds) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def _format(value: Any) -> str:
    if value is None:
        return "n/a"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
