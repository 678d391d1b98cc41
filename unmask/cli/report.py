"""`unmask report`."""

from __future__ import annotations

from unmask.cli.options import Call, Ensemble, RunFolder, command


@command()
def report(call: Call, run: RunFolder = None, ensemble: Ensemble = None) -> None:
    """Write one self-contained HTML page about an evaluated run and its data (work/report.html)."""
    page = call.choose_run(run, ensemble).report()
    call.console.say(f"report: {page}")
    call.console.result["report"] = str(page)
