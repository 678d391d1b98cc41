"""What exists: the datasets, their manifest, and the synthetic corpus."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.console import Console, log, opened
from unmask.cli.options import DEFAULT_MAX_FAILURES, DEFAULT_WORK, Json, MaxFailures, Quiet, Work, Workers
from unmask.core.work_folder import WorkFolder

if TYPE_CHECKING:
    import pyarrow as pa

    from unmask.manifests.manifest import Manifest


STALE_SHOWN = 10

Scheme = Annotated[
    str, typer.Option("--split", help="default, grouped, official-strict, folds:5/0, ...: docs/splits.md.")
]
SplitSeed = Annotated[int, typer.Option("--seed", help="Of the splits.")]
AllowLeaks = Annotated[bool, typer.Option("--allow-leaks", help="Take a split that leaks; every report will say so.")]

Near = Annotated[bool, typer.Option("--near", help="Keep near-duplicates together too: reads every file once.")]


def scan(
    data: Annotated[Path, typer.Argument(help="Folder that holds the datasets.")],
    work: Work = DEFAULT_WORK,
    scheme: Scheme = "default",
    seed: SplitSeed = 0,
    allow_leaks: AllowLeaks = False,
    near: Near = False,
    compression: Annotated[str | None, typer.Option("--compression", help="Only raw, c23 or c40.")] = None,
    full_content: Annotated[
        bool, typer.Option("--full-content", help="Read every file whole for its SHA-256.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Probe unchanged files again too.")] = False,
    workers: Workers = None,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the datasets, probe every file, make leak-proof splits: manifest.parquet."""
    from unmask.manifests.findings import write_findings
    from unmask.manifests.manifest import write_manifest
    from unmask.manifests.scan.incremental import read_previous_manifest
    from unmask.manifests.scan.scan import scan as run_scan
    from unmask.manifests.splits.schemes import resplit

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest, report = run_scan(
            data,
            scheme=scheme,
            seed=seed,
            workers=workers,
            compression=compression,
            previous=None if fresh else read_previous_manifest(folder.probes),
            full_content=full_content,
            allow_leaks=allow_leaks,
            keep=partial(write_manifest, folder.probes),
            say=console.say,
        )
        write_findings(folder.findings, report)
        if near:
            clusters = _near_clusters(console, folder, manifest, workers)
            manifest = resplit(manifest, scheme, seed, allow_leaks=allow_leaks, near=clusters)
        _write(console, folder, manifest)
        console.stages([report], max_failures)


def split(
    scheme: Annotated[str, typer.Argument(help="default, grouped, official-strict, folds:5/0, ...: docs/splits.md.")],
    work: Work = DEFAULT_WORK,
    seed: SplitSeed = 0,
    allow_leaks: AllowLeaks = False,
    near: Near = False,
    workers: Workers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Give the manifest another split, without a look at the files. Tensors and tokens stay as they are."""
    from unmask.manifests.manifest import read_manifest
    from unmask.manifests.splits.schemes import resplit

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        clusters = _near_clusters(console, folder, manifest, workers) if near else None
        _write(console, folder, resplit(manifest, scheme, seed, allow_leaks=allow_leaks, near=clusters))


def _near_clusters(console: Console, folder: WorkFolder, manifest: Manifest, workers: int | None) -> pa.Table:
    from unmask.manifests.duplicates.near_duplicates import fingerprints, near_clusters, near_duplicates

    clusters = near_clusters(near_duplicates(fingerprints(manifest, folder.fingerprints, workers)))
    count = len(set(clusters.column("cluster").to_pylist()))
    console.result["near_duplicates"] = {"files": clusters.num_rows, "clusters": count}
    console.say(f"near-duplicates: {clusters.num_rows} files in {count} clusters")
    return clusters


def audit(
    work: Work = DEFAULT_WORK,
    seed: Annotated[int, typer.Option("--seed", help="Of folds and resamples.")] = 0,
    near: Near = False,
    workers: Workers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """What tells the label without the content, what is there twice, what leaks: work/audit.html."""
    from unmask.manifests.audit.audit import audit as run_audit
    from unmask.manifests.audit.html_page import write_page
    from unmask.manifests.audit.terminal_table import audit_table
    from unmask.manifests.manifest import read_manifest
    from unmask.manifests.scan.staleness import verify_manifest

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        stale = verify_manifest(manifest)
        clusters = _near_clusters(console, folder, manifest, workers) if near else None
        found = run_audit(manifest, folder.root, workers=workers, seed=seed, near=clusters, say=log.info)
        write_page(found, folder.audit)
        console.show(audit_table(found))
        for file in stale[:STALE_SHOWN]:
            console.say(f"stale: {file.dataset}/{file.path} {file.problem} since the scan")
        console.say(f"{len(stale)} files vanished or changed since the scan\naudit: {folder.audit}")
        console.result |= found.as_json() | {"stale": [asdict(file) for file in stale], "page": str(folder.audit)}


def _write(console: Console, folder: WorkFolder, manifest: Manifest) -> None:
    from unmask.manifests.manifest import write_manifest

    write_manifest(folder.manifest, manifest)
    counts = dict(Counter(str(name) for name in manifest.table.column("split").to_pylist()))
    console.result |= {"manifest": str(folder.manifest), "rows": len(manifest), "splits": counts}
    console.result |= {"split_hash": manifest.split_hash}
    listed = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("train", "val", "test"))
    console.say(f"{folder.manifest}: {len(manifest)} rows, {listed}, {counts.get('None', 0)} in no split")


def transcribe(
    work: Work = DEFAULT_WORK,
    workers: Workers = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds a recording may take.")] = 300.0,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write down what is said where there is sound and no text. Needs `pip install faster-whisper`."""
    from unmask.cache.transcription.stage import transcribe as run_transcribe
    from unmask.core.file_lock import hold_lock
    from unmask.core.process_pool import count_cores
    from unmask.manifests.manifest import read_manifest, write_manifest

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        with hold_lock(folder.locks / "transcribe", "transcribe"):
            told, report = run_transcribe(manifest, folder, workers=workers or count_cores(), timeout_s=timeout)
            write_manifest(folder.manifest, told)
        texts = len(told) - told.table.column("text").null_count
        console.result["texts"] = texts
        console.say(f"{folder.manifest}: {texts} of {len(told)} rows have a text")
        console.stages([report], max_failures)


def datasets(as_json: Json = False) -> None:
    """The datasets this program knows, and the folder names it looks for."""
    from unmask.manifests.datasets import LAYOUTS

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
    from unmask.demo import write_demo

    with opened(as_json, quiet) as console:
        console.result |= write_demo(out, seed, scale=scale)
        console.say(f"{out}: " + ", ".join(f"{dataset} {count}" for dataset, count in console.result.items()))
