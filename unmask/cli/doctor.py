"""`unmask doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmask.cli.options import Call, command
from unmask.core.errors import MissingInput
from unmask.core.machine import choose_device

if TYPE_CHECKING:
    from unmask.preprocess.profiles import EncoderChoice


@command()
def doctor(call: Call) -> None:
    """Show what this machine has and which settings it would get."""
    from unmask.cache.profile_choice import read_stored_profile
    from unmask.cache.weights.completeness import list_checked_weights
    from unmask.core.machine import describe
    from unmask.train.auto_size import resolve_auto
    from unmask.train.config import TrainConfig

    console = call.console
    console.result |= describe(call.work.folder.root)
    config = resolve_auto(TrainConfig(), choose_device("auto"), 0)
    console.result |= {"model_size": config.size, "precision": config.precision}
    choices: tuple[EncoderChoice, ...] = ()
    try:
        profile = read_stored_profile(call.work.folder)
        choices = profile.encoders if profile else ()
    except MissingInput as error:
        console.result["profile"] = error.problem
    weights = list_checked_weights(choices)
    console.result["encoder_weights"] = {a.encoder: f"{a.state}: {a.where}".strip(": ") for a in weights}
    machine = {key: value for key, value in console.result.items() if not isinstance(value, dict)}
    gpus = (f"{gpu['name']} ({gpu['free_gib']:.1f} of {gpu['total_gib']:.1f} GiB free)" for gpu in machine["gpus"])
    console.show_list("this machine", "", machine | {"gpus": ", ".join(gpus) or "none"})
    for key, value in console.result.items():
        if isinstance(value, dict):
            console.say("")
            console.show_list(key.replace("_", " "), "", value)
