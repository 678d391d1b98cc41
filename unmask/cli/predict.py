"""`unmask predict`."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.options import Call, Device, Ensemble, Memory, RunFolder, Timeout, Workers, command
from unmask.core.crashes import describe_crashes
from unmask.core.errors import ItemsFailed, MissingInput
from unmask.core.process_pool import count_cores

if TYPE_CHECKING:
    from unmask.evaluation.verdicts.verdict import Verdict
    from unmask.tables import VerdictTable

HINT = "the line of each file says why"


@command()
def predict(
    call: Call,
    files: Annotated[
        list[str], typer.Argument(help='Images, audio files or videos; folders; patterns such as "clips/**/*.mp4".')
    ],
    run: RunFolder = None,
    ensemble: Ensemble = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which modality and seconds speak for the score, and for what.")
    ] = False,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Also write JSON lines to this file; calling again continues where it stopped."),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Also write a table for spreadsheets to this file.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page of the verdicts with pictures to this file.")
    ] = None,
    workers: Workers = None,
    timeout: Timeout = 120.0,
    memory: Memory = 4.0,
) -> None:
    """Score new images, audio files or videos with a trained run.

    Exit code 3 if some of the files got no score, 4 if none got one.
    """
    from unmask.preprocess.stage import Limits

    keep_pandas_out()
    limits = Limits(workers=workers or count_cores(), timeout_s=timeout, memory_gib=memory, fork=True)
    chosen = call.choose_run(run, ensemble)
    verdicts = chosen.predict(
        files,
        explain=explain,
        html=html,
        out=out,
        limits=limits,
        show=lambda verdict: show_verdict(call, verdict),
        device=device,
    )
    tell_end(call, verdicts)
    if csv is not None:
        from unmask.result_tables.verdict_table import write_csv

        write_csv(csv, verdicts)
    if html is not None:
        call.console.say(f"page: {html}")
        call.console.result["html"] = str(html)
    check_scores(verdicts)


def keep_pandas_out() -> None:
    """Let pyarrow find no pandas: it imports it to convert any list, which costs half as much as torch.

    For the process of this command alone, which makes no data frame; pandas itself can still be imported.
    """
    import pyarrow as pa

    class Refuser(MetaPathFinder):
        def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
            if fullname == "pandas":
                raise ImportError("not needed for verdicts")

    refuser = Refuser()
    sys.meta_path.insert(0, refuser)
    try:
        pa.array([0])  # pyarrow looks for it once
    finally:
        sys.meta_path.remove(refuser)


def show_verdict(call: Call, verdict: Verdict) -> None:
    from unmask.evaluation.explanation.sentences import describe_explanation
    from unmask.evaluation.verdicts.custody.credentials import format_credentials

    call.console.say(str(verdict))
    for line in describe_explanation(verdict.explanation):
        call.console.say(f"    {line}")
    if verdict.custody and (claims := format_credentials(verdict.custody.content_credentials)):
        call.console.say(f"    {claims}")


def tell_end(call: Call, verdicts: VerdictTable) -> None:
    """What concerns all files together, and the JSON object."""
    for line in describe_crashes(verdict.reason for verdict in verdicts):
        call.console.say(line)
    if verdicts.skipped:
        what = "file that is" if verdicts.skipped == 1 else "files that are"
        call.console.say(f"skipped {verdicts.skipped} {what} not media")
    call.console.result |= {"verdicts": [verdict.as_json() for verdict in verdicts], "skipped": verdicts.skipped}


def check_scores(verdicts: VerdictTable) -> None:
    """`MissingInput` if no file got a score, `ItemsFailed` if some got none."""
    without = sum(verdict.score is None for verdict in verdicts)
    if without == len(verdicts):
        raise MissingInput(f"none of the {without} files got a score" if without > 1 else "no score", HINT)
    if without:
        raise ItemsFailed(f"{without} of {len(verdicts)} files got no score", HINT)
