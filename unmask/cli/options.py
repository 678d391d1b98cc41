"""Options that several commands share, and `command`, which adds --work, --json and --quiet to one."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.api import MAX_FAILURES, Work
from unmask.arguments import choose_profile
from unmask.cli.console import Console, open_console
from unmask.cli.hints import DEFAULT_WORK, adapt_commands
from unmask.core.errors import UsageError

if TYPE_CHECKING:
    from unmask.preprocess.profiles import Profile
    from unmask.run import Run
    from unmask.train.config import TrainConfig

DEFAULT_MAX_FAILURES = MAX_FAILURES

SCHEMES = "Split scheme; they are listed below."
PROFILES = (
    "Encoders and preprocessing: offline (weights of installed packages), hub (downloaded weights), auto (hub if "
    "possible, else offline) or tiny (for tests). Default: as last time, at first auto."
)

WorkOption = Annotated[
    Path, typer.Option("--work", help="Folder for all output, or s3://BUCKET/FOLDER or gs://BUCKET/FOLDER.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and everything else on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print only warnings and errors.")]

ProfileName = Annotated[
    str | None,
    typer.Option("--profile", help=PROFILES),
]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="YAML file with settings.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one setting, for example preprocess.face_size=160 (repeatable)."),
]
TrainAssignments = Annotated[
    list[str] | None, typer.Option("--set", help="Change one setting, for example train.epochs=5 (repeatable).")
]
Shard = Annotated[
    str | None,
    typer.Option("--shard", help="Do part i of n on this machine, as i/n; `unmask merge` joins the parts."),
]
EngineName = Annotated[
    str,
    typer.Option("--engine", help="local, or ray: a Ray cluster does the parts of the work (docs/parallel.md)."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", help="The Ray cluster, as HOST:PORT or auto (default: one that is started here meanwhile)."
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Number of worker processes (default: one per CPU core).")
]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Time limit per file, in seconds.")]
Memory = Annotated[float, typer.Option("--memory", min=0.25, help="Memory limit per file, in GiB.")]
MaxFailures = Annotated[
    float,
    typer.Option("--max-failures", min=0, max=1, help="Exit with code 3 if a larger fraction of the items failed."),
]
Linear = Annotated[bool, typer.Option("--linear/--no-linear", help="Train the linear probe too, in the first rows.")]
Seeds = Annotated[str, typer.Option("--seeds", help="Seeds to train each preset with, comma-separated.")]
Device = Annotated[str, typer.Option("--device", help="auto (a GPU if there is one), cpu, cuda or cuda:N.")]
RunFolder = Annotated[
    Path | None,
    typer.Option("--run", help="Name or folder of a run (default: the newest that `unmask train` was asked for)."),
]
Ensemble = Annotated[
    int | None, typer.Option("--ensemble", min=2, help="The newest ensemble of so many members, instead of --run.")
]
SplitSeed = Annotated[int, typer.Option("--seed", help="Random seed of the split.")]
AllowLeaks = Annotated[
    bool,
    typer.Option("--allow-leaks", help="Accept identities or files in several splits; every report then says so."),
]
Near = Annotated[
    bool, typer.Option("--near", help="Also keep near-duplicate files in the same split (decodes every file once).")
]


@dataclass(frozen=True)
class Call:
    """What a command works with."""

    console: Console
    work: Work

    def choose_profile(
        self,
        name: str | None,
        settings: Path | None,
        assignments: list[str] | None,
        *,
        weights: Mapping[str, str] | None = None,
        keep: bool = True,
    ) -> Profile:
        say, folder = self.console.say, self.work.folder
        profile = choose_profile(folder, name, settings, assignments or [], weights=weights, say=say, keep=keep)
        self.console.result["profile"] = profile.name
        return profile

    def choose_run(self, named: Path | None, ensemble: int | None = None) -> Run:
        """The run `named`, or the newest that `train` was asked for; its name is printed and in the JSON object.

        `ensemble`: the newest ensemble of so many members.
        """
        run = self.work.run(named, ensemble=ensemble)
        self.console.say(f"run: {run.name}")
        self.console.result["run"] = run.name
        return run


Command = Callable[..., None]
Option = inspect.Parameter


def command(*, work: Path = DEFAULT_WORK) -> Callable[[Command], Command]:
    """A decorator that makes a Typer command of a function `(call: Call, options...)`.

    It adds --work (with `work` as its default), --json and --quiet, and prints the JSON object when the function has
    ended. `command.body` is the function itself.
    """
    common = (("work", work, WorkOption), ("as_json", False, Json), ("quiet", False, Quiet))
    added = [Option(name, Option.KEYWORD_ONLY, default=value, annotation=kind) for name, value, kind in common]

    def decorate(function: Command) -> Command:
        @wraps(function)
        def run(*, work: Path = work, as_json: bool = False, quiet: bool = False, **options: Any) -> None:
            # Of the processes that torchrun starts, only the first prints.
            first = os.environ.get("RANK", "0") == "0"
            with (
                open_console(as_json and first, quiet or not first, work) as console,
                Work(work, say=lambda line: console.say(adapt_commands(line, work))) as opened,
            ):
                function(Call(console, opened), **options)

        parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        own = [parameter.replace(kind=Option.KEYWORD_ONLY) for parameter in parameters]
        run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *added]}
        run.body = function  # type: ignore[attr-defined]
        del run.__wrapped__
        return run

    return decorate


def change_settings(config: TrainConfig, settings: Path | None, assignments: list[str] | None) -> TrainConfig:
    """`config` changed by --settings, then by --set."""
    from unmask.core.settings import apply

    return apply(config, settings, assignments or [], under="train.")


def split_list(text: str) -> list[str]:
    """The names in a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def split_numbers(text: str) -> list[int]:
    """The whole numbers in a comma-separated list of seeds."""
    try:
        return [int(name) for name in split_list(text)]
    except ValueError as error:
        raise UsageError(f"--seeds {text}: not whole numbers", "--seeds 0,1,2") from error


def make_configs(names: Sequence[str], settings: Path | None, assignments: list[str] | None) -> dict[str, TrainConfig]:
    """The presets of these names, changed by --settings, then by --set."""
    from unmask.train.presets import make_preset

    return {name: change_settings(make_preset(name), settings, assignments) for name in names}


def refuse_torchrun(command: str, other: str) -> None:
    """`UsageError` for a command that trains many models, under torchrun; `other`: what differs between processes."""
    if os.environ.get("WORLD_SIZE", "1") != "1":
        hint = f"start one process per GPU: --device cuda:1 and {other} for each"
        raise UsageError(f"{command} cannot run under torchrun", hint)
