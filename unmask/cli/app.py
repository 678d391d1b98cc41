"""The command line: a Typer app over the commands of this folder. `--help` loads no stage."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from unmask.cli import cache
from unmask.cli.ablate import ablate
from unmask.cli.audit import audit
from unmask.cli.datasets import datasets
from unmask.cli.demo import demo
from unmask.cli.demo_data import demo_data
from unmask.cli.doctor import doctor
from unmask.cli.evaluate import evaluate
from unmask.cli.extract import extract
from unmask.cli.merge import merge
from unmask.cli.predict import predict
from unmask.cli.preprocess import preprocess
from unmask.cli.presets import presets
from unmask.cli.report import report
from unmask.cli.scan import scan
from unmask.cli.split import split
from unmask.cli.train import train
from unmask.cli.transcribe import transcribe
from unmask.core.errors import Stopped, as_user_error
from unmask.environment import set_environment

COMMANDS = (
    scan,
    split,
    audit,
    transcribe,
    preprocess,
    merge,
    extract,
    train,
    evaluate,
    report,
    predict,
    presets,
    ablate,
    datasets,
    demo_data,
    demo,
    doctor,
)
"""In the order of `unmask --help`."""


class Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Ctrl-C reaches `main`, which prints how to go on; Typer would end without a message."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise as_user_error(error) or error from error


app = typer.Typer(
    name="unmask",
    cls=Commands,
    help="Multimodal deepfake detection on cached tokens.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command(command.__name__.replace("_", "-"))(command)
app.add_typer(cache.app, name="cache")


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Exit codes: 0 done, 1 a bug, 2 wrong usage, 3 too many items failed, 4 input missing, 130 Ctrl-C."""
    code: Any = 0
    try:
        set_environment()
        app(arguments)
    except SystemExit as stop:
        code = stop.code
        if code == 2:
            print("hint: unmask --help, unmask COMMAND --help", file=sys.stderr)
    except (Exception, KeyboardInterrupt) as error:
        code = _print_error(error)
    sys.exit(code)


def _print_error(error: BaseException) -> int:
    """Print the error and its hint on stderr; the exit code."""
    known = as_user_error(error)
    if known is None:
        traceback.print_exception(error)
        print("hint: this is a bug in unmask; please report it with the lines above", file=sys.stderr)
        return 1
    print(known if isinstance(known, Stopped) else f"error: {known}", file=sys.stderr)
    return known.exit_code
