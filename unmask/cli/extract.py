"""`unmask extract`."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli.options import (
    DEFAULT_MAX_FAILURES,
    Address,
    Assignments,
    Call,
    Device,
    EngineName,
    MaxFailures,
    ProfileName,
    SettingsFile,
    Shard,
    command,
)
from unmask.core.errors import UsageError
from unmask.core.machine import choose_device
from unmask.core.processes.large_blocks import share_heap
from unmask.core.sharing.partition import Partition


@command()
def extract(
    call: Call,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="ENCODER=FOLDER",
            help="Other weights of one encoder, such as those of `unmask adapt`, or ENCODER=default (repeatable).",
        ),
    ] = None,
    device: Device = "auto",
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Largest number of clips that are encoded at once.")
    ] = 64,
    shard: Shard = None,
    engine: EngineName = "local",
    address: Address = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Estimate tokens, bytes and time; write nothing.")] = False,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
) -> None:
    """Compute tokens with every encoder of the profile (writes work/tokens). Cached tokens are reused."""
    from unmask.cache.dry_run import estimate

    share_heap()  # before torch is imported and the manifest is read: both start threads
    manifest = call.work.read_manifest()
    named = dict(map(_split_weights, weights or []))
    chosen = call.choose_profile(profile, settings, assignments, weights=named, keep=not dry_run)
    if dry_run:
        at, part = choose_device(device), Partition.parse(shard)
        found = estimate(manifest, chosen, call.work.folder, device=at, batch_size=batch_size, partition=part)
        call.console.show_estimate(found)
        return
    reports = call.work.extract(
        chosen, device=device, batch_size=batch_size, shard=shard, engine=engine, address=address, max_failures=1
    )
    call.console.show_stages(reports, max_failures)


def _split_weights(text: str) -> tuple[str, str]:
    name, separator, folder = text.partition("=")
    if not separator or not name or not folder:
        raise UsageError(f"--weights {text}: not of the form ENCODER=FOLDER", "--weights whisper_tiny=/path/to/weights")
    return name, folder
