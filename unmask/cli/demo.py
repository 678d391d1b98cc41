"""`unmask demo`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import typer

from unmask.cli.demo_data import Scale, Seed, demo_data
from unmask.cli.evaluate import evaluate
from unmask.cli.extract import extract
from unmask.cli.options import DEFAULT_WORK, WorkOption
from unmask.cli.preprocess import preprocess
from unmask.cli.report import report
from unmask.cli.scan import scan
from unmask.cli.train import train


def demo(work: WorkOption = DEFAULT_WORK / "demo", seed: Seed = 0, scale: Scale = 1.0) -> None:
    """Run every stage on a synthetic corpus with the offline profile. A second call reuses everything."""
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
    for step, options in steps:
        typer.echo(f"\n== {step.__name__} ({time.monotonic() - started:.0f} s)")
        step(**options)
    typer.echo(f"\ndone in {time.monotonic() - started:.0f} s. These numbers mean nothing about real deepfakes.")
