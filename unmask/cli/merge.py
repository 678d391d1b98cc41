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
    Workers,
    command,
)
from unmask.core.buckets.opening import open_work_folder
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
    workers: Workers = None,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
) -> None:
    """Join the parts that scan, preprocess and extract made with --shard i/n, to what one machine would have made."""
    from unmask.merging import merge_parts

    reports = merge_parts(
        call.work,
        [WorkFolder(open_work_folder(other)) for other in others or []],
        lambda: call.choose_profile(profile, settings, assignments),
        workers,
    )
    if not reports:
        call.console.say("all parts are joined already")
    call.console.show_stages(reports, max_failures)
