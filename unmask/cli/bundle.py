"""`unmask bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.console import format_size
from unmask.cli.options import Call, command
from unmask.core.errors import UsageError


@command()
def bundle(
    call: Call,
    run: Annotated[Path, typer.Argument(help="Name or folder of an evaluated run.")],
    out: Annotated[Path, typer.Argument(help="Folder of the bundle; empty, or not there.")],
    license: Annotated[
        str | None,
        typer.Option("--license", help="Licence of the weights, for the model card: an id of the hub, as apache-2.0."),
    ] = None,
    push: Annotated[str | None, typer.Option("--push", help="Also upload it to the model hub, as owner/name.")] = None,
    public: Annotated[bool, typer.Option("--public", help="With --push: a public repository.")] = False,
) -> None:
    """Copy a run with all that it needs into a folder that predicts on another machine, without the work folder."""
    from unmask.evaluation.bundle.card import describe_need
    from unmask.evaluation.bundle.push import check_name

    if public and push is None:
        raise UsageError("--public without --push", "--push owner/name --public")
    if push is not None:
        check_name(push)
    made = call.choose_run(run).bundle(out, license=license)
    about = made.about
    for need in about.needs:
        call.console.say(f"needs {need.stream}: {describe_need(need)}")
    for name in about.extensions:
        call.console.say(f"needs {name}: its code is not in the bundle")
    call.console.say(f"bundle: {out} ({len(about.files) + 1} files, {format_size(about.size).strip()})")
    call.console.result |= {"bundle": str(out), "bytes": about.size, "sha256": about.sha256}
    call.console.result["needs"] = [need.model_dump(mode="json") for need in about.needs]
    if push is not None:
        address = made.push(push, public=public)
        call.console.say(f"pushed: {address}")
        call.console.result["pushed"] = address
