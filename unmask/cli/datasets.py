"""`unmask datasets`."""

from __future__ import annotations

from unmask.cli.options import Call, command


@command()
def datasets(call: Call) -> None:
    """List the known datasets and the folder names that scan looks for."""
    from unmask.manifests.datasets import LAYOUTS

    call.console.result |= {key: list(layout.names) for key, layout in LAYOUTS.items()}
    names = {key: ", ".join(layout.names) for key, layout in LAYOUTS.items()}
    call.console.show_list("dataset", "folder names", names)
