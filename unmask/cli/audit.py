"""`unmask audit`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from unmask.cli.options import Call, Workers, command
from unmask.core.terminal.shown_text import escape_hidden

STALE_SHOWN = 10


@command()
def audit(
    call: Call,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the folds and the bootstrap.")] = 0,
    near: Annotated[
        bool, typer.Option("--near", help="Also look for near-duplicate files (decodes every file once).")
    ] = False,
    workers: Workers = None,
) -> None:
    """Report label shortcuts, duplicate files and split leakage (writes work/audit.html)."""
    from unmask.manifests.audit.terminal_table import make_audit_table

    console, found = call.console, call.work.audit(seed=seed, near=near, workers=workers)
    console.show(make_audit_table(found.details))
    for file in found.stale[:STALE_SHOWN]:
        console.say(escape_hidden(f"stale: {file.dataset}/{file.path} {file.problem} since the scan"))
    console.say(f"{len(found.stale)} files vanished or changed since the scan\naudit: {found.page}")
    console.result |= found.details.as_json()
    console.result |= {"stale": [asdict(file) for file in found.stale], "page": str(found.page)}
