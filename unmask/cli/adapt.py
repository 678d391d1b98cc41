"""`unmask adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import Call, Device, SettingsFile, command


@command()
def adapt(
    call: Call,
    encoder: Annotated[
        str, typer.Argument(help="Image or audio encoder to adapt, as in the profile, or sync (docs/sync.md).")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the weights (default: one under work/adapted).")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, help="Short for --set adapt.epochs=N (default: 10)."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Short for --set adapt.seed=N (default: 0).")
    ] = None,
    settings: SettingsFile = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting, for example adapt.lr=3e-4 (repeatable).")
    ] = None,
    device: Device = "auto",
) -> None:
    """Tune the norm layers of an encoder on the training split, or learn the sync encoder (writes work/adapted)."""
    from unmask.core.settings import apply
    from unmask.result_tables.adaptation_table import make_settings

    given = {"epochs": epochs, "seed": seed}
    changes = {name: value for name, value in given.items() if value is not None}
    chosen = apply(make_settings(encoder), settings, assignments or [], under="adapt.").changed(changes)
    table = call.work.adapt(encoder, out=out, device=device, **chosen.model_dump())
    call.console.say(table.as_text())
    call.console.say(f"weights: {table.folder}")
    call.console.say(f"to use them: unmask extract --weights {encoder}={table.folder}")
    record = table.record.model_dump(mode="json", exclude={"seen"})
    call.console.result |= {"folder": str(table.folder), **record}
