"""`unmask robustness`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import Call, Device, Ensemble, RunFolder, command, split_list
from unmask.core.errors import UsageError


@command()
def robustness(
    call: Call,
    run: Annotated[
        Path | None, typer.Argument(help="Name or folder of an evaluated run (default: the newest of `unmask train`).")
    ] = None,
    named: RunFolder = None,
    ensemble: Ensemble = None,
    only: Annotated[
        str, typer.Option("--only", help="Corruptions, comma-separated, such as jpeg,blur (default: all).")
    ] = "",
    strengths: Annotated[str, typer.Option("--strengths", help="Strengths, comma-separated.")] = "1,2,3",
    device: Device = "auto",
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Largest number of clips that are encoded at once.")
    ] = 64,
) -> None:
    """Score the evaluated files again under JPEG, blur, noise, H.264, MP3, telephone and more, at three strengths."""
    from unmask.evaluation.robustness.results import CSV, FILE
    from unmask.evaluation.robustness.table import render_robustness

    if run is not None and named is not None:
        raise UsageError(f"{run} and --run {named}: two runs", "name one")
    chosen = call.choose_run(run or named, ensemble)
    found = chosen.robustness(split_list(only), _read_strengths(strengths), device=device, batch_size=batch_size)
    call.console.show(render_robustness(found.details))
    call.console.result |= found.details.as_json() | {"folder": str(found.folder)}
    call.console.say(f"{found.folder}: {FILE}, {CSV}")


def _read_strengths(text: str) -> list[int]:
    try:
        return [int(name) for name in split_list(text)]
    except ValueError as error:
        raise UsageError(f"--strengths {text}: not whole numbers", "--strengths 1,2,3") from error
