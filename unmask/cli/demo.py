"""`unmask demo`."""

from __future__ import annotations

import time
from typing import Any

from unmask.cli.console import Console
from unmask.cli.demo_data import Scale, Seed, demo_data
from unmask.cli.evaluate import evaluate
from unmask.cli.extract import extract
from unmask.cli.hints import DEFAULT_WORK
from unmask.cli.options import Call, command
from unmask.cli.preprocess import preprocess
from unmask.cli.report import report
from unmask.cli.scan import scan
from unmask.cli.train import train


@command(work=DEFAULT_WORK / "demo")
def demo(call: Call, seed: Seed = 0, scale: Scale = 1.0) -> None:
    """Run every stage on a synthetic corpus with the offline profile. A second call reuses everything."""
    data, outer = call.work.folder.root / "data", call.console
    started = time.monotonic()
    steps: list[tuple[Any, dict[str, Any]]] = [
        (demo_data, {"out": data, "seed": seed, "scale": scale}),
        (scan, {"data": data}),
        (preprocess, {"profile": "offline"}),
        (extract, {"profile": "offline"}),
        (train, {}),
        (evaluate, {}),
        (report, {}),
    ]
    for step, options in steps:
        outer.say(f"\n== {step.__name__} ({time.monotonic() - started:.0f} s)")
        console = Console(as_json=outer.as_json, quiet=outer.quiet, work=outer.work)
        outer.result[step.__name__] = console.result
        step.body(Call(console, call.work), **options)
    outer.say(f"\ndone in {time.monotonic() - started:.0f} s. These numbers mean nothing about real deepfakes.")
