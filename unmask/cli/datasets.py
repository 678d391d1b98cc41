"""`unmask datasets`."""

from __future__ import annotations

from unmask.cli.options import Call, command


@command()
def datasets(call: Call) -> None:
    """List the known datasets and the folder names that scan looks for."""
    from unmask.manifests.datasets import LAYOUTS

    for key, layout in LAYOUTS.items():
        call.console.result[key] = list(layout.names)
        call.console.say(f"{key:18} {', '.join(layout.names)}")
