"""`unmask predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import Call, Device, RunFolder, command


@command()
def predict(
    call: Call,
    files: Annotated[list[Path], typer.Argument(help="Images, audio files or videos.")],
    run: RunFolder = None,
    device: Device = "auto",
) -> None:
    """Score new images, audio files or videos with a trained run."""
    verdicts = call.work.predict(files, run, device=device)
    for verdict in verdicts:
        call.console.say(str(verdict))
    call.console.result["verdicts"] = [verdict.as_json() for verdict in verdicts]
