"""All stages at once, and the machine they run on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from unmask.cli.console import opened
from unmask.cli.data import demo_data, scan
from unmask.cli.models import evaluate, report, train
from unmask.cli.options import DEFAULT_WORK, Json, Work
from unmask.cli.tensors import extract, preprocess
from unmask.core.machine import choose_device


def demo(
    work: Work = DEFAULT_WORK / "demo",
    seed: Annotated[int, typer.Option("--seed")] = 0,
    scale: Annotated[float, typer.Option("--scale", min=0.01, help="Share of the usual number of files.")] = 1.0,
) -> None:
    """Every stage on the synthetic corpus, with the offline profile. Run it again: everything is reused."""
    data = work / "data"
    started = time.monotonic()
    steps: list[tuple[Callable[..., None], dict[str, Any]]] = [
        (demo_data, {"out": data, "seed": seed, "scale": scale}),
        (scan, {"data": data, "work": work}),
        (preprocess, {"work": work, "profile": "offline"}),
        (extract, {"work": work, "profile": "offline"}),
        (train, {"work": work}),
        (evaluate, {"work": work}),
        (report, {"work": work}),
    ]
    for step, arguments in steps:
        typer.echo(f"\n== {step.__name__} ({time.monotonic() - started:.0f} s)")
        step(**arguments)
    typer.echo(f"\ndone in {time.monotonic() - started:.0f} s. These numbers mean nothing about real deepfakes.")


def doctor(work: Work = DEFAULT_WORK, as_json: Json = False) -> None:
    """What this machine has, and which settings it would get."""
    from unmask.cache.weights.resolve import list_weights
    from unmask.core.machine import describe
    from unmask.train.auto_size import resolve_auto
    from unmask.train.config import TrainConfig

    with opened(as_json) as console:
        console.result |= describe(work)
        config = resolve_auto(TrainConfig(), choose_device("auto"), 0)
        console.result |= {"model_size": config.size, "precision": config.precision}
        console.result["encoder_weights"] = {a.encoder: f"{a.state}: {a.where}".strip(": ") for a in list_weights()}
        for key, value in console.result.items():
            console.say(f"{key}: {value}" if not isinstance(value, dict) else f"{key}:")
            for name, entry in value.items() if isinstance(value, dict) else ():
                console.say(f"    {name:22} {entry}")
