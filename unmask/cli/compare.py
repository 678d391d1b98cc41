"""`unmask compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import Call, command


@command()
def compare(
    call: Call,
    runs: Annotated[
        list[Path], typer.Argument(help="Names (`unmask runs ls`) or folders of evaluated runs; the first is the base.")
    ],
    base: Annotated[
        Path | None, typer.Option("--base", help="Run that the others are compared with (default: the first).")
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Compare the items that all runs scored, where some lack items of others.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Also write the tables as Markdown, CSV, LaTeX and JSON to this folder."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the bootstrap.")] = 0,
) -> None:
    """Compare evaluated runs on the same items: differences with intervals and corrected p-values, per dataset."""
    from unmask.evaluation.compare.table import render_comparison

    found = call.work.compare(runs, base, common=common, seed=seed)
    call.console.show(render_comparison(found.details))
    call.console.result |= found.details.as_json()
    if out is not None:
        found.write(out)
        call.console.result["folder"] = str(out)
        call.console.say(f"tables as Markdown, CSV, LaTeX and JSON: {out}")
