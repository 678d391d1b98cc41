"""`unmask predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import Call, Device, Ensemble, RunFolder, command
from unmask.core.crashes import describe_crashes
from unmask.core.errors import ItemsFailed, MissingInput

HINT = "the line of each file says why"


@command()
def predict(
    call: Call,
    files: Annotated[
        list[str], typer.Argument(help='Images, audio files or videos; folders; patterns such as "clips/**/*.mp4".')
    ],
    run: RunFolder = None,
    ensemble: Ensemble = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which modality and seconds speak for the score, and for what.")
    ] = False,
    device: Device = "auto",
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page of the verdicts with pictures to this file.")
    ] = None,
) -> None:
    """Score new images, audio files or videos with a trained run.

    Exit code 3 if some of the files got no score, 4 if none got one.
    """
    from unmask.evaluation.explanation.sentences import describe_explanation

    verdicts = call.choose_run(run, ensemble).predict(files, explain=explain, html=html, device=device)
    for verdict in verdicts:
        call.console.say(str(verdict))
        for line in describe_explanation(verdict.explanation):
            call.console.say(f"  {line}")
    for line in describe_crashes(verdict.reason for verdict in verdicts):
        call.console.say(line)
    if html is not None:
        call.console.say(f"page: {html}")
        call.console.result["html"] = str(html)
    call.console.result["verdicts"] = [verdict.as_json() for verdict in verdicts]
    without = sum(verdict.score is None for verdict in verdicts)
    if without == len(verdicts):
        raise MissingInput(f"none of the {without} files got a score" if without > 1 else "no score", HINT)
    if without:
        raise ItemsFailed(f"{without} of {len(verdicts)} files got no score", HINT)
