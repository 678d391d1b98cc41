"""`unmask report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import Call, Ensemble, RunFolder, command


@command()
def report(
    call: Call,
    run: RunFolder = None,
    ensemble: Ensemble = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures", help="Also write vector figures, tables (LaTeX, Markdown, CSV) and BibTeX into this folder."
        ),
    ] = None,
) -> None:
    """Write one self-contained HTML page about an evaluated run and its data (work/report.html), and its model card."""
    from unmask.evaluation.model_card.card import FILE

    chosen = call.choose_run(run, ensemble)
    page, card = chosen.report(figures), chosen.folder / FILE
    call.console.say(f"report: {page}")
    call.console.say(f"model card: {card}")
    call.console.result |= {"report": str(page), "card": str(card)}
    if figures is not None:
        call.console.say(f"figures, tables and references: {figures}")
        call.console.result["figures"] = str(figures)
