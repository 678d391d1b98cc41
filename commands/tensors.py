"""From media to tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import (
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
from core.console import Console, opened
from core.machine import choose_device
from core.workfolder import WorkFolder

if TYPE_CHECKING:
    from preprocess.profiles import Profile


def preprocess(
    work: Work = DEFAULT_WORK,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    workers: Workers = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds a file may take.")] = 120.0,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn media into faces and 16 kHz audio: Zarr media shards."""
    from manifests.item import read_manifest
    from preprocess.build import preprocess as run_preprocess

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        chosen = _profile(folder, profile, settings, assignments, console)
        report = run_preprocess(manifest, chosen.preprocess, folder, workers=workers, timeout_s=timeout)
        console.stages([report], max_failures)


def extract(
    work: Work = DEFAULT_WORK,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    device: Device = "auto",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1)] = 64,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn media shards into tokens with every encoder of the profile. What is cached is not computed again."""
    from cache.build import extract as run_extract
    from manifests.item import read_manifest

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        chosen = _profile(folder, profile, settings, assignments, console)
        reports = run_extract(manifest, chosen, folder, device=choose_device(device), batch_size=batch_size)
        console.stages(reports, max_failures)


def _profile(
    folder: WorkFolder, name: str | None, settings: Path | None, assignments: list[str] | None, console: Console
) -> Profile:
    from cache.auto import resolve_profile

    profile = resolve_profile(folder, name, settings, assignments or [], say=console.say)
    console.result["profile"] = profile.name
    return profile
