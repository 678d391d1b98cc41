"""`unmask presets`."""

from __future__ import annotations

from unmask.cli.options import Call, command


@command()
def presets(call: Call) -> None:
    """List the systems that `train` and `ablate` know."""
    from unmask.train.presets import PRESETS

    call.console.result |= {name: (preset.__doc__ or "").split("\n")[0] for name, preset in PRESETS.items()}
    call.console.show_list("preset", "trains", call.console.result)
