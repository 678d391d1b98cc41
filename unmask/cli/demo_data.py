"""`unmask demo-data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import Call, command

Seed = Annotated[int, typer.Option("--seed", help="Random seed of the synthetic media.")]
Scale = Annotated[float, typer.Option("--scale", min=0.01, help="Number of files, as a fraction of the usual number.")]


@command()
def demo_data(
    call: Call,
    out: Annotated[Path, typer.Argument(help="Folder to write to.")],
    seed: Seed = 0,
    scale: Scale = 1.0,
) -> None:
    """Write a synthetic corpus in the layouts of all nine datasets. Its numbers mean nothing about real deepfakes."""
    from unmask.demo import write_demo

    counts = write_demo(out, seed, scale=scale)
    call.console.result |= counts
    call.console.say(f"{out}: " + ", ".join(f"{dataset} {count}" for dataset, count in counts.items()))
