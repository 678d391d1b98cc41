"""`unmask report`."""

from __future__ import annotations

from unmask.cli.options import Call, RunFolder, command


@command()
def report(call: Call, run: RunFolder = None) -> None:
    """Write one self-contained HTML page about an evaluated run and its data (work/report.html)."""
    page = call.choose_run(run).report()
    call.console.say(f"report: {page}")
    call.console.result["report"] = str(page)
