"""The command line: one thin Typer app. The commands are the other modules here; `--help` loads no stage."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from unmask.cli import cache, data, models, tensors, whole
from unmask.core.errors import Stopped, as_user_error
from unmask.core.openmp import limit_openmp_spinning

COMMANDS = (
    data.scan,
    data.split,
    data.audit,
    data.transcribe,
    tensors.preprocess,
    tensors.merge,
    tensors.extract,
    models.train,
    models.evaluate,
    models.report,
    models.predict,
    models.presets,
    models.ablate,
    data.datasets,
    data.demo_data,
    whole.demo,
    whole.doctor,
)


class Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Typer would end Ctrl-C without a word."""
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
    """Entry point: exit codes 0 done, 1 our bug, 2 wrong usage, 3 too many failed, 4 input missing, 130 Ctrl-C."""
    code: Any = 0
    try:
        limit_openmp_spinning()
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        app(arguments)
    except SystemExit as stop:
        code = stop.code
        if code == 2:
            print("hint: unmask --help, unmask COMMAND --help", file=sys.stderr)
    except (Exception, KeyboardInterrupt) as error:
        code = _ended_by(error)
    sys.exit(code)


def _ended_by(error: BaseException) -> int:
    """Tell it and the remedy on stderr, give the exit code."""
    known = as_user_error(error)
    if known is None:
        traceback.print_exception(error)
        print("hint: this is a bug in unmask; please report it with the lines above", file=sys.stderr)
        return 1
    print(known if isinstance(known, Stopped) else f"error: {known}", file=sys.stderr)
    return known.exit_code
