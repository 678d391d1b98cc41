"""`unmask scan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import (
    DEFAULT_MAX_FAILURES,
    SCHEMES,
    Address,
    AllowLeaks,
    Call,
    EngineName,
    MaxFailures,
    Near,
    Shard,
    SplitSeed,
    Workers,
    command,
)


@command()
def scan(
    call: Call,
    data: Annotated[list[Path], typer.Argument(help="Folders that hold the datasets, datasets, or tables.")],
    scheme: Annotated[str, typer.Option("--split", help=SCHEMES)] = "default",
    seed: SplitSeed = 0,
    allow_leaks: AllowLeaks = False,
    near: Near = False,
    compression: Annotated[
        str | None,
        typer.Option("--compression", help="Only files of this FaceForensics++ compression level: raw, c23 or c40."),
    ] = None,
    full_content: Annotated[
        bool, typer.Option("--full-content", help="Read every file completely and store its SHA-256.")
    ] = False,
    media_root: Annotated[
        Path | None,
        typer.Option("--media-root", help="Folder that paths in tables are relative to (default: the table's folder)."),
    ] = None,
    follow_links: Annotated[
        bool,
        typer.Option("--follow-links", help="Also read linked folders inside datasets and links to files anywhere."),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Probe unchanged files again too.")] = False,
    workers: Workers = None,
    shard: Shard = None,
    engine: EngineName = "local",
    address: Address = None,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
) -> None:
    """Find the datasets, probe every file's header and assign leak-proof splits (writes work/manifest.parquet)."""
    found = call.work.scan(
        data,
        split=scheme,
        seed=seed,
        allow_leaks=allow_leaks,
        near=near,
        compression=compression,
        full_content=full_content,
        media_root=media_root,
        follow_links=follow_links,
        fresh=fresh,
        workers=workers,
        shard=shard,
        engine=engine,
        address=address,
        max_failures=1,
    )
    if shard is None:
        call.console.result |= {"manifest": str(call.work.folder.manifest), **found.as_json()}
    call.console.show_stages(found.reports, max_failures)
