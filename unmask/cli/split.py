"""`unmask split`."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli.options import SCHEMES, AllowLeaks, Call, Near, SplitSeed, Workers, command


@command()
def split(
    call: Call,
    scheme: Annotated[str, typer.Argument(help=SCHEMES)],
    seed: SplitSeed = 0,
    allow_leaks: AllowLeaks = False,
    near: Near = False,
    workers: Workers = None,
) -> None:
    """Assign another split to the manifest. No file is opened; media shards and tokens stay valid."""
    found = call.work.split(scheme, seed=seed, allow_leaks=allow_leaks, near=near, workers=workers)
    call.console.result |= {"manifest": str(call.work.folder.manifest), **found.as_json()}
