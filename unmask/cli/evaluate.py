"""`unmask evaluate`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from unmask.cli.options import Call, Device, Ensemble, RunFolder, command


@command()
def evaluate(
    call: Call,
    run: RunFolder = None,
    ensemble: Ensemble = None,
    split: Annotated[Literal["test", "val"], typer.Option("--on", help="Split to evaluate on.")] = "test",
    random: Annotated[
        Literal["own", "tiny"] | None,
        typer.Option(
            "--random",
            help="Also extract tokens of random encoders to compare with: the networks of the run's own encoders with "
            "shuffled weights (takes as long as extract), or tiny networks (faster).",
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Compute metrics per file and dataset on the test split, beside simple controls."""
    from unmask.evaluation.terminal_table import render_evaluation

    found = call.choose_run(run, ensemble).evaluate(split, random=random, device=device)
    call.console.show(render_evaluation(found.details))
    call.console.result |= found.details.as_json()
