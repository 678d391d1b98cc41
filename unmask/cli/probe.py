"""`unmask probe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import Assignments, Call, Device, ProfileName, SettingsFile, command, split_list
from unmask.core.errors import UsageError


@command()
def probe(
    call: Call,
    encoders: Annotated[
        str | None, typer.Option("--encoders", help="Encoders, comma-separated (default: those of the profile).")
    ] = None,
    layers: Annotated[str, typer.Option("--layers", help="all, or layers, comma-separated.")] = "all",
    pooling: Annotated[
        str, typer.Option("--pooling", help="Of images, comma-separated: mean, cls, cls+mean.")
    ] = "mean,cls",
    items: Annotated[int, typer.Option("--items", min=10, help="Training files per modality.")] = 180,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Random seed of the sample and of the folds.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the results (default: work/probe).")] = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    device: Device = "auto",
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Largest number of clips that are encoded at once.")
    ] = 64,
) -> None:
    """Compare encoders, layers and pooling by linear probes on a sample of the training split; recommend some."""
    from unmask.evaluation.probe.probe_files import render_probe

    call.work.read_manifest()
    chosen = call.choose_profile(profile, settings, assignments, keep=False)
    table = call.work.probe(
        split_list(encoders or ""),
        layers=_read_layers(layers),
        poolings=split_list(pooling),
        items=items,
        seed=seed,
        out=out,
        profile=chosen,
        device=device,
        batch_size=batch_size,
    )
    call.console.show(render_probe(table.probe))
    call.console.say(f"{table.folder}: probe.html, probe.csv, probe.json")
    call.console.say(f"to use what is recommended: unmask extract --settings {table.settings}")
    call.console.result |= {"folder": str(table.folder), **table.probe.as_json()}


def _read_layers(text: str) -> list[int] | None:
    try:
        return None if text == "all" else [int(name) for name in split_list(text)]
    except ValueError as error:
        raise UsageError(f"--layers {text}: not whole numbers", "--layers all, or --layers 3,6,9,12") from error
