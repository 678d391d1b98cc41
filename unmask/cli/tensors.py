"""From media to tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from unmask.cli.console import Console, opened
from unmask.cli.options import (
    DEFAULT_MAX_FAILURES,
    DEFAULT_WORK,
    Assignments,
    Device,
    Json,
    MaxFailures,
    ProfileName,
    Quiet,
    SettingsFile,
    Work,
    Workers,
)
from unmask.core.errors import REASONS, UsageError
from unmask.core.machine import choose_device
from unmask.core.process_pool import count_cores
from unmask.core.work_folder import WorkFolder

if TYPE_CHECKING:
    from unmask.preprocess.profiles import Profile


Shard = Annotated[
    str | None, typer.Option("--shard", help="i/n: only this part of the work, on one of n machines. Then `merge`.")
]
Retry = Annotated[
    str | None, typer.Option("--retry", help="Try failed items again, by reason: timeout,no_face,... or all.")
]


def preprocess(
    work: Work = DEFAULT_WORK,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    workers: Workers = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds a file may take.")] = 120.0,
    memory: Annotated[float, typer.Option("--memory", min=0.25, help="GiB of memory a file may take.")] = 4.0,
    device: Device = "auto",
    retry: Retry = None,
    shard: Shard = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell clips, bytes and time; write nothing.")] = False,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn media into faces and 16 kHz audio: Zarr media shards."""
    from unmask.manifests.manifest import read_manifest
    from unmask.preprocess.dry_run import estimate
    from unmask.preprocess.partition import WHOLE, Partition
    from unmask.preprocess.stage import Limits
    from unmask.preprocess.stage import preprocess as run_preprocess

    with opened(as_json, quiet) as console:
        folder, part, again = WorkFolder(work), Partition.parse(shard) if shard else WHOLE, _reasons(retry)
        manifest = read_manifest(folder.manifest)
        media = _profile(folder, profile, settings, assignments, console, keep=not dry_run).preprocess
        limits = Limits(workers=workers or count_cores(), timeout_s=timeout, memory_gib=memory)
        if device not in ("auto", "cpu"):
            console.say(f"--device {device} is ignored: face detection runs on the CPU workers")
        if dry_run:
            _tell(console, estimate(manifest, media, folder, limits, retry=again, partition=part))
            return
        report = run_preprocess(manifest, media, folder, limits, retry=again, partition=part)
        if not part.is_whole:
            console.say(f"part {part} is finished; when all are: unmask merge")
        console.stages([report], max_failures)


def merge(
    others: Annotated[
        list[Path] | None, typer.Argument(help="Work folders of the other machines, unless all worked in this one.")
    ] = None,
    work: Work = DEFAULT_WORK,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Bring together what `unmask preprocess --shard i/n` made on several machines."""
    from unmask.manifests.manifest import read_manifest
    from unmask.preprocess.partition import merge as run_merge

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        chosen = _profile(folder, profile, settings, assignments, console)
        report = run_merge(manifest, chosen.preprocess, folder, [WorkFolder(other) for other in others or []])
        console.stages([report], max_failures)


class _Told(Protocol):
    def as_json(self) -> dict[str, Any]: ...
    def lines(self) -> list[str]: ...


def _tell(console: Console, expected: _Told) -> None:
    console.result["estimate"] = expected.as_json()
    for line in expected.lines():
        console.say(line)


def _reasons(text: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    unknown = sorted(set(names) - {*REASONS, "all"})
    if unknown:
        raise UsageError(f"--retry {text}: no such reason {unknown[0]!r}", f"all, or some of {','.join(REASONS)}")
    return REASONS if "all" in names else names


def extract(
    work: Work = DEFAULT_WORK,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    device: Device = "auto",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1)] = 64,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell tokens, bytes and time; write nothing.")] = False,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn media shards into tokens with every encoder of the profile. What is cached is not computed again."""
    from unmask.cache.dry_run import estimate
    from unmask.cache.stage import extract as run_extract
    from unmask.manifests.manifest import read_manifest

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        chosen = _profile(folder, profile, settings, assignments, console, keep=not dry_run)
        if dry_run:
            _tell(console, estimate(manifest, chosen, folder, device=choose_device(device), batch_size=batch_size))
            return
        reports = run_extract(manifest, chosen, folder, device=choose_device(device), batch_size=batch_size)
        console.stages(reports, max_failures)


def _profile(
    folder: WorkFolder,
    name: str | None,
    settings: Path | None,
    assignments: list[str] | None,
    console: Console,
    keep: bool = True,
) -> Profile:
    from unmask.cache.profile_choice import resolve_profile

    profile = resolve_profile(folder, name, settings, assignments or [], say=console.say, keep=keep)
    console.result["profile"] = profile.name
    return profile
