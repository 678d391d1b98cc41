"""`unmask train`."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli.options import Call, Device, SettingsFile, TrainAssignments, change_settings, command
from unmask.core.processes.stop_signals import get_stop_code


@command()
def train(
    call: Call,
    preset: Annotated[str, typer.Option("--preset", help="System to train; `unmask presets` lists them.")] = "full",
    seed: Annotated[int | None, typer.Option("--seed", help="Short for --set train.seed=N (default: 0).")] = None,
    ensemble: Annotated[
        int | None,
        typer.Option(
            "--ensemble",
            min=2,
            help="Train this many models with the seeds N, N+1, ...; their mean, calibrated once, is a run of its own.",
        ),
    ] = None,
    settings: SettingsFile = None,
    assignments: TrainAssignments = None,
    device: Device = "auto",
) -> None:
    """Train one model, or an ensemble, on the tokens and keep its best checkpoint (writes work/runs)."""
    from unmask.train.presets import make_preset

    config = change_settings(make_preset(preset), settings, assignments)
    run = call.work.train(config, ensemble=ensemble, device=device, **({} if seed is None else {"seed": seed}))
    call.console.say(f"run: {run.folder}")
    call.console.result |= run.summary.as_json() | {"run": str(run.folder)}
    if run.summary.stopped:  # or `train && evaluate` would evaluate an unfinished training
        raise typer.Exit(get_stop_code())
