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
    device: Device = "auto",
) -> None:
    """Compute metrics per file and dataset on the test split, beside simple controls."""
    from unmask.evaluation.terminal_table import render_evaluation

    found = call.choose_run(run, ensemble).evaluate(split, device=device)
    call.console.show(render_evaluation(found.details))
    call.console.result |= found.details.as_json()
