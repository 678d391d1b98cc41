"""`unmask suite`."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli.options import (
    Address,
    Call,
    Device,
    EngineName,
    Linear,
    Seeds,
    SettingsFile,
    TrainAssignments,
    command,
    make_configs,
    refuse_torchrun,
    split_list,
    split_numbers,
)
from unmask.core.processes.stop_signals import get_stop_code

NAME = "loo, matrix, folds:5, ffpp-cross or fakeavceleb-mrdf (docs/suites.md)."


@command()
def suite(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="SUITE", help=NAME)],
    presets: Annotated[str, typer.Option("--presets", help="Presets to train, comma-separated.")] = "full",
    linear: Linear = True,
    seeds: Seeds = "0,1,2",
    split_seed: Annotated[int, typer.Option("--split-seed", help="Random seed of the splits.")] = 0,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Trainings at once (default: 1 on a GPU, else by cores and memory)."),
    ] = None,
    settings: SettingsFile = None,
    assignments: TrainAssignments = None,
    device: Device = "auto",
    engine: EngineName = "local",
    address: Address = None,
) -> None:
    """Train and test presets x seeds on every split of a suite, without changing the split of the work folder."""
    from unmask.evaluation.suites.suite_table import render_suite
    from unmask.train.presets import begin_with_linear

    refuse_torchrun("suite", "another suite")
    configs = make_configs(split_list(presets), settings, assignments)
    if linear:
        configs = begin_with_linear(configs, *make_configs(["linear"], settings, assignments).values())
    found = call.work.suite(
        name,
        configs,
        split_numbers(seeds),
        linear=False,
        split_seed=split_seed,
        jobs=jobs,
        device=device,
        engine=engine,
        address=address,
    )
    call.console.show(render_suite(found.details))
    call.console.result |= found.details.as_json()
    if found.details.stopped:
        raise typer.Exit(get_stop_code())
    call.console.result["folder"] = str(found.folder)
    call.console.say(f"table as CSV, Markdown, LaTeX, HTML and JSON: {found.folder}")
