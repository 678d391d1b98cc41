"""`unmask preprocess`."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.arguments import check_reasons
from unmask.cli.options import (
    DEFAULT_MAX_FAILURES,
    Address,
    Assignments,
    Call,
    EngineName,
    MaxFailures,
    Memory,
    ProfileName,
    SettingsFile,
    Shard,
    Timeout,
    Workers,
    command,
    split_list,
)
from unmask.core.process_pool import count_cores
from unmask.core.sharing.partition import Partition


@command()
def preprocess(
    call: Call,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    workers: Workers = None,
    timeout: Timeout = 120.0,
    memory: Memory = 4.0,
    device: Annotated[str, typer.Option("--device", hidden=True)] = "auto",
    retry: Annotated[
        str | None,
        typer.Option("--retry", help="Try files again that failed for these reasons: timeout,no_face,... or all."),
    ] = None,
    shard: Shard = None,
    engine: EngineName = "local",
    address: Address = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Estimate clips, bytes and time; write nothing.")] = False,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
) -> None:
    """Turn media files into face crops and 16 kHz audio (writes Zarr shards under work/media)."""
    from unmask.preprocess.dry_run import estimate
    from unmask.preprocess.stage import Limits

    reasons, partition = check_reasons(split_list(retry or "")), Partition.parse(shard)
    if device not in ("auto", "cpu"):
        call.console.say(f"--device {device} is ignored: face detection runs on the CPU workers")
    manifest = call.work.read_manifest()
    chosen = call.choose_profile(profile, settings, assignments, keep=not dry_run)
    if dry_run:
        limits = Limits(workers=workers or count_cores(), timeout_s=timeout, memory_gib=memory)
        folder = call.work.folder
        call.console.show_estimate(
            estimate(manifest, chosen.preprocess, folder, limits, retry=reasons, partition=partition)
        )
        return
    reports = call.work.preprocess(
        chosen,
        workers=workers,
        timeout=timeout,
        memory=memory,
        retry=reasons,
        shard=shard,
        engine=engine,
        address=address,
        max_failures=1,
    )
    call.console.show_stages(reports, max_failures)
