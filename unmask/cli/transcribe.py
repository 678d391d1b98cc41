"""`unmask transcribe`."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli.options import DEFAULT_MAX_FAILURES, Call, MaxFailures, Workers, command


@command()
def transcribe(
    call: Call,
    workers: Workers = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Time limit per file, in seconds.")] = 300.0,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
) -> None:
    """Transcribe the speech of files that have audio and no text. Needs `pip install faster-whisper`."""
    found = call.work.transcribe(workers=workers, timeout=timeout, max_failures=1)
    call.console.result["texts"] = found.count_texts()
    call.console.show_stages(found.reports, max_failures)
