"""`unmask ablate`."""

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
    change_settings,
    command,
    make_configs,
    refuse_torchrun,
    split_list,
    split_numbers,
)
from unmask.core.errors import UsageError
from unmask.core.processes.stop_signals import get_stop_code


@command()
def ablate(
    call: Call,
    presets: Annotated[str, typer.Option("--presets", help="Presets to compare, comma-separated (default: all).")] = "",
    variants: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            help="A row of your own: NAME:train.lr=1e-3 is `full` with this setting, NAME:preset=early-fusion another "
            "base. Repeat it for several settings or rows; without --presets, they are compared with `full`.",
        ),
    ] = None,
    linear: Linear = True,
    base: Annotated[
        str | None,
        typer.Option("--base", help="Row that the others are compared with (default: linear, else the first)."),
    ] = None,
    seeds: Seeds = "0,1,2",
    settings: SettingsFile = None,
    assignments: TrainAssignments = None,
    device: Device = "auto",
    engine: EngineName = "local",
    address: Address = None,
) -> None:
    """Train and evaluate presets x seeds on the same tokens, after the preset `linear`, and print one table."""
    from unmask.evaluation.ablation.ablation_table import render_ablation
    from unmask.train.presets import PRESETS, begin_with_linear, make_preset, parse_variants

    refuse_torchrun("ablate", "other --presets")
    own = parse_variants(variants or [])
    names = split_list(presets) or (["full"] if own else list(PRESETS))
    if taken := sorted(own.keys() & {*names, *(["linear"] if linear else [])}):
        raise UsageError(f"--variant {taken[0]}: a preset of this name is compared too", "choose another name")
    configs = make_configs(names, settings, assignments)
    for name, (base, changes) in own.items():
        variant = make_preset(base).changed({"preset": name})
        configs[name] = change_settings(variant, settings, [*(assignments or []), *changes])
    if linear:
        configs = begin_with_linear(configs, *make_configs(["linear"], settings, assignments).values())
    found = call.work.ablate(
        configs, split_numbers(seeds), linear=False, base=base, device=device, engine=engine, address=address
    ).details
    call.console.show(render_ablation(found))
    call.console.result |= found.as_json()
    if found.stopped:
        raise typer.Exit(get_stop_code())
    folder = call.work.folder.ablations / found.name
    call.console.result["folder"] = str(folder)
    call.console.say(f"table as CSV, Markdown, LaTeX, HTML and JSON: {folder}")
