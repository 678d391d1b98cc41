"""The command line: one thin Typer app. The commands are in commands/; `--help` loads no stage."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import typer

from commands import cache, data, models, tensors, whole
from core.errors import UnmaskError
from core.threads import wait_briefly

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

app = typer.Typer(
    name="unmask",
    help="Multimodal deepfake detection on cached tokens.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command(command.__name__.replace("_", "-"))(command)
app.add_typer(cache.app, name="cache")


def main(arguments: list[str] | None = None) -> None:
    """Entry point: exit codes 0 done, 1 our bug, 2 wrong usage, 3 too many failed items, 4 input missing."""
    wait_briefly()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    code: Any = 0
    try:
        app(arguments)
    except UnmaskError as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    except SystemExit as stop:
        code = stop.code
        if code == 2:
            print("hint: unmask --help, unmask COMMAND --help", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped. Run the same command again: it goes on where it was", file=sys.stderr)
        code = 130
    except Exception:
        traceback.print_exc()
        print("hint: this is a bug in unmask; please report it with the lines above", file=sys.stderr)
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
