"""The command line: a Typer app over the commands of this folder. `--help` loads no stage."""

from __future__ import annotations

import io
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import unmask
from unmask.cli import cache, runs
from unmask.cli.ablate import ablate
from unmask.cli.adapt import adapt
from unmask.cli.audit import audit
from unmask.cli.bundle import bundle
from unmask.cli.compare import compare
from unmask.cli.datasets import datasets
from unmask.cli.demo import demo
from unmask.cli.demo_data import demo_data
from unmask.cli.doctor import doctor
from unmask.cli.evaluate import evaluate
from unmask.cli.extract import extract
from unmask.cli.hints import get_program
from unmask.cli.merge import merge
from unmask.cli.predict import predict
from unmask.cli.preprocess import preprocess
from unmask.cli.presets import presets
from unmask.cli.probe import probe
from unmask.cli.report import report
from unmask.cli.robustness import robustness
from unmask.cli.scan import scan
from unmask.cli.serve import serve
from unmask.cli.split import split
from unmask.cli.suite import suite
from unmask.cli.train import train
from unmask.cli.transcribe import transcribe
from unmask.core.crashes import as_run_error
from unmask.core.errors import Stopped, as_user_error
from unmask.core.processes.stop_signals import get_stop_code, ignore_late_sigterm, is_terminated, raise_on_sigterm
from unmask.core.terminal.shown_text import escape_hidden, escape_hidden_in_lines
from unmask.environment import ease_collection, set_environment

COMMANDS = (
    scan,
    split,
    audit,
    transcribe,
    preprocess,
    merge,
    adapt,
    probe,
    extract,
    train,
    evaluate,
    robustness,
    report,
    predict,
    bundle,
    serve,
    presets,
    ablate,
    compare,
    suite,
    datasets,
    demo_data,
    demo,
    doctor,
)
"""In the order of `unmask --help`."""

MOST_SHOWN = 4000
"""Characters of an error: it may quote a name or a value of somebody else."""
WITH_SCHEMES = ("scan", "split")


class Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Ctrl-C reaches `main`, which prints how to go on; Typer would end without a message."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise as_user_error(error) or error from error


class Command(TyperCommand):
    """A command whose help ends with the split schemes of the registry, if it takes one."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        if self.name in WITH_SCHEMES:
            from unmask.manifests.splits.registry import SCHEMES  # not at the top: `--help` loads no stage

            forms = (f"{scheme.form}: {scheme.description}".replace("`", "") for scheme in SCHEMES.values())
            self.epilog = "\n\n".join(["Split schemes (docs/splits.md):", *forms])
        super().format_help(ctx, formatter)


app = typer.Typer(
    name="unmask",
    cls=Commands,
    help="Multimodal deepfake detection on cached tokens.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command(command.__name__.replace("_", "-"), cls=Command)(command)
app.add_typer(cache.app, name="cache")
app.add_typer(runs.app, name="runs")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"unmask {unmask.__version__}")
        raise typer.Exit


@app.callback()
def set_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Multimodal deepfake detection on cached tokens."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Exit codes: 0 done, 1 a bug, 2 wrong usage, 3 too many items failed, 4 input missing, 130 Ctrl-C,
    143 SIGTERM.
    """
    code: Any = 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal's encoding lacks ends no command
            stream.reconfigure(errors="backslashreplace")
    try:
        raise_on_sigterm()
        set_environment()
        ease_collection()
        app(arguments, prog_name=get_program())
    except SystemExit as stop:
        code = stop.code
        if code == 2:
            print("hint: unmask --help, unmask COMMAND --help", file=sys.stderr)
    except (Exception, KeyboardInterrupt) as error:
        code = _print_error(error)
    ignore_late_sigterm()
    sys.exit(get_stop_code() if code and is_terminated() else code)


def _print_error(error: BaseException) -> int:
    """Print the error and its hint on stderr; the exit code."""
    known = as_user_error(error) or as_run_error(error)
    if known is None:
        print(escape_hidden_in_lines("".join(traceback.format_exception(error))), end="", file=sys.stderr)
        print("hint: this is a bug in unmask; please report it with the lines above", file=sys.stderr)
        return 1
    # One line each: a line break in a file's name begins no line of its own.
    begin = "" if isinstance(known, Stopped) else "error: "
    shown = (escape_hidden(text)[:MOST_SHOWN] for text in (known.problem, known.hint))
    print(f"{begin}{next(shown)}\nhint: {next(shown)}", file=sys.stderr)
    return known.exit_code
