"""What exists: the datasets, their manifest, and the synthetic corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.options import DEFAULT_MAX_FAILURES, DEFAULT_WORK, Json, MaxFailures, Quiet, Work, Workers
from core.console import opened
from core.workfolder import WorkFolder


def scan(
    data: Annotated[Path, typer.Argument(help="Folder that holds the datasets.")],
    work: Work = DEFAULT_WORK,
    scheme: Annotated[str, typer.Option("--split", help="default, official or grouped.")] = "default",
    seed: Annotated[int, typer.Option("--seed", help="Of the splits.")] = 0,
    workers: Workers = None,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the datasets, probe every file, make leak-proof splits: manifest.parquet."""
    from manifests.item import write_manifest
    from manifests.scan import scan as run_scan

    with opened(as_json, quiet) as console:
        manifest, report = run_scan(data, scheme=scheme, seed=seed, workers=workers, say=console.say)
        target = WorkFolder(work).manifest
        write_manifest(target, manifest)
        console.say(f"{target}: {len(manifest)} rows, split {manifest.split_hash}")
        console.result |= {"manifest": str(target), "rows": len(manifest), "split_hash": manifest.split_hash}
        console.stages([report], max_failures)


def datasets(as_json: Json = False) -> None:
    """The datasets this program knows, and the folder names it looks for."""
    from manifests.layouts import LAYOUTS

    with opened(as_json) as console:
        for key, layout in LAYOUTS.items():
            console.result[key] = list(layout.names)
            console.say(f"{key:18} {', '.join(layout.names)}")


def demo_data(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    seed: Annotated[int, typer.Option("--seed")] = 0,
    scale: Annotated[float, typer.Option("--scale", min=0.01, help="Share of the usual number of files.")] = 1.0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a synthetic corpus in all nine layouts. Numbers on it mean nothing about real deepfakes."""
    from manifests.demo import write_demo

    with opened(as_json, quiet) as console:
        console.result |= write_demo(out, seed, scale=scale)
        console.say(f"{out}: " + ", ".join(f"{dataset} {count}" for dataset, count in console.result.items()))
