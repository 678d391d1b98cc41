"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Work = Annotated[Path, typer.Option("--work", help="Folder for all output.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, everything else on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")]
ProfileName = Annotated[
    str | None, typer.Option("--profile", help="auto, offline, hub or tiny; default: as last time.")
]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="YAML file with settings.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", help="key=value, such as preprocess.face_size=160.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: one a core.")]
MaxFailures = Annotated[
    float, typer.Option("--max-failures", min=0, max=1, help="Failed share that is still a success.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Run = Annotated[Path | None, typer.Option("--run", help="Folder of a run; default: the newest.")]

DEFAULT_WORK = Path("work")
DEFAULT_MAX_FAILURES = 0.05
