"""`unmask merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import (
    DEFAULT_MAX_FAILURES,
    Assignments,
    Call,
    MaxFailures,
    ProfileName,
    SettingsFile,
    command,
)
from unmask.core.work_folder import WorkFolder


@command()
def merge(
    call: Call,
    others: Annotated[
        list[Path] | None,
        typer.Argument(help="Work folders of the other machines; none if all machines used this one."),
    ] = None,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
) -> None:
    """Join the parts that `unmask preprocess --shard i/n` made on several machines."""
    from unmask.preprocess.partition import merge

    manifest, folder = call.work.read_manifest(), call.work.folder
    chosen = call.choose_profile(profile, settings, assignments)
    report = merge(manifest, chosen.preprocess, folder, [WorkFolder(other) for other in others or []])
    call.console.show_stages([report], max_failures)
