"""From tokens to evidence."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unmask.cli.console import log, opened
from unmask.cli.options import DEFAULT_WORK, Device, Json, Quiet, Run, SettingsFile, Work
from unmask.core.errors import Stopped, UsageError
from unmask.core.machine import choose_device
from unmask.core.work_folder import WorkFolder

if TYPE_CHECKING:
    from unmask.train.config import TrainConfig


def train(
    work: Work = DEFAULT_WORK,
    preset: Annotated[str, typer.Option("--preset", help="Which system; `unmask presets` lists them.")] = "full",
    seed: Annotated[int | None, typer.Option("--seed", help="As train.seed; 0 where neither is given.")] = None,
    settings: SettingsFile = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="train.key=value")] = None,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train one model on the tokens, keep its best checkpoint."""
    from unmask.cache.stage import open_tokens
    from unmask.manifests.manifest import read_manifest
    from unmask.train.data.token_data import TokenData
    from unmask.train.fit import fit
    from unmask.train.presets import make_preset
    from unmask.train.run_folder import run_folder

    # Of the processes that torchrun starts, the first one speaks for all.
    first = os.environ.get("RANK", "0") == "0"
    with opened(as_json and first, quiet or not first) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        config = _changed(make_preset(preset), settings, assignments)
        config = config if seed is None else config.changed({"seed": seed})
        data = TokenData.load(manifest, open_tokens(folder, manifest))
        run = run_folder(folder.runs, data, config)
        summary = fit(data, config, run, device=choose_device(device))
        console.say(f"run: {run}")
        console.result |= summary.as_json() | {"run": str(run)}
    if summary.stopped:  # or `train && evaluate` would judge half a training
        raise typer.Exit(Stopped.exit_code)


def presets(as_json: Json = False) -> None:
    """List the systems that `train` and `ablate` know."""
    from unmask.train.presets import PRESETS

    with opened(as_json) as console:
        for name, made in PRESETS.items():
            console.result[name] = (made.__doc__ or "").split("\n")[0]
            console.say(f"{name:28} {console.result[name]}")


def evaluate(
    work: Work = DEFAULT_WORK,
    run: Run = None,
    split: Annotated[Literal["test", "val"], typer.Option("--on", help="Which split.")] = "test",
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Item-level metrics on the test split, per dataset, beside the controls."""
    from unmask.evaluation.evaluate import evaluate as run_evaluate
    from unmask.evaluation.terminal_table import render_evaluation
    from unmask.train.run_folder import find_run

    with opened(as_json, quiet) as console:
        result = run_evaluate(
            find_run(WorkFolder(work).runs, run), WorkFolder(work), device=choose_device(device), split=split
        )
        console.show(render_evaluation(result))
        console.result |= result.as_json()


def report(work: Work = DEFAULT_WORK, run: Run = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """One self-contained HTML page about a run and its data."""
    from unmask.evaluation.report import report as run_report
    from unmask.train.run_folder import find_run

    with opened(as_json, quiet) as console:
        page = run_report(WorkFolder(work), find_run(WorkFolder(work).runs, run))
        console.say(f"report: {page}")
        console.result["report"] = str(page)


def predict(
    files: Annotated[list[Path], typer.Argument(help="Images, audio or video files.")],
    work: Work = DEFAULT_WORK,
    run: Run = None,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """A verdict for new media, through the same stages as the training data."""
    from unmask.evaluation.predict import predict as run_predict
    from unmask.train.run_folder import find_run

    with opened(as_json, quiet) as console:
        log.setLevel(logging.WARNING)  # the stages' own lines are about a folder that is gone a moment later
        verdicts = run_predict(files, find_run(WorkFolder(work).runs, run), device=choose_device(device))
        for verdict in verdicts:
            console.say(str(verdict))
        console.result["verdicts"] = [verdict.as_json() for verdict in verdicts]


def ablate(
    work: Work = DEFAULT_WORK,
    presets: Annotated[str, typer.Option("--presets", help="Comma-separated; default: all.")] = "",
    seeds: Annotated[str, typer.Option("--seeds", help="Comma-separated.")] = "0,1,2",
    settings: SettingsFile = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="train.key=value, for every preset")] = None,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train and evaluate presets x seeds on the same tokens: one table."""
    from unmask.evaluation.ablate import ablate as run_ablate
    from unmask.evaluation.ablation_table import render_ablation
    from unmask.train.presets import PRESETS, make_preset

    with opened(as_json, quiet) as console:
        if os.environ.get("WORLD_SIZE", "1") != "1":
            raise UsageError("ablate runs as one process", "one for each GPU: --device cuda:1, with other --presets")
        made = {name: _changed(make_preset(name), settings, assignments) for name in _names(presets) or PRESETS}
        result = run_ablate(WorkFolder(work), made, _numbers(seeds), device=choose_device(device))
        console.show(render_ablation(result))
        console.result |= result.as_json()
    if result.stopped:
        raise typer.Exit(Stopped.exit_code)


def _changed(config: TrainConfig, settings: Path | None, assignments: list[str] | None) -> TrainConfig:
    from unmask.core.settings import apply

    return apply(config, settings, assignments or [], under="train.")


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _numbers(listed: str) -> list[int]:
    try:
        return [int(name) for name in _names(listed)]
    except ValueError as error:
        raise UsageError(f"--seeds {listed}: not whole numbers", "--seeds 0,1,2") from error
