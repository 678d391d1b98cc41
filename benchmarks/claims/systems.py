"""The systems that are compared: a name, the preset it begins with, and settings. A new row is one entry."""

from __future__ import annotations

from collections.abc import Mapping

from unmask.core.errors import UsageError
from unmask.core.settings import apply
from unmask.core.suggestions import suggest
from unmask.train.config import TrainConfig
from unmask.train.presets import make_preset

PROBE = "linear probe"
"""The control of `evaluate`: scikit-learn's logistic regression on mean tokens."""

CHOSEN = "best on validation"
"""Row of the table: per seed, the system of `Problem.choice` with the highest validation AUC."""

System = tuple[str, list[str]]
"""Preset, and settings as of --set: the form of `presets.parse_variants`."""

SYSTEMS: dict[str, System] = {
    # One layer takes many small steps, and they cost little: as many as users take.
    "linear": ("linear", ["train.epochs=30"]),
    "full": ("full", []),
    "joint": ("full-joint-fusion", []),
    "no-lag": ("full-no-lag", []),
    "early": ("early-fusion", []),
    "late": ("late-fusion", []),
    "erm": ("full-no-adversarial", []),
    "dann": ("full", ["train.domain_loss=dann"]),
    "cdan": ("full-cdan", []),
    "coral": ("full-coral", []),
    "dann-strong": ("full", ["train.domain_loss=dann", "train.grl_max=1"]),
    "erm-unbalanced": ("full-no-adversarial", ["train.balance=false"]),
    "dann-unbalanced": ("full", ["train.domain_loss=dann", "train.balance=false"]),
    "cdan-unbalanced": ("full-cdan", ["train.balance=false"]),
    "coral-unbalanced": ("full-coral", ["train.balance=false"]),
}
FUSIONS = (PROBE, "linear", "full", "joint", "early", "late")
DOMAIN_LOSSES = ("erm", "dann", "cdan", "coral")
UNBALANCED = tuple(f"{name}-unbalanced" for name in DOMAIN_LOSSES)


def make_config(name: str, seed: int, epochs: int, more: Mapping[str, System]) -> TrainConfig | None:
    """Settings of the system `name`, which is in SYSTEMS or in `more`; None for the probe, which has none."""
    if name == PROBE:
        return None
    systems = {**SYSTEMS, **more}
    if name not in systems:
        known = (PROBE, *systems)
        raise UsageError(f"no system {name!r}", f"{suggest(name, known)}systems: {', '.join(known)}")
    preset, settings = systems[name]
    # What a row sets comes last: it may have epochs or a size of its own.
    own = make_preset(preset).changed({"size": "small", "epochs": epochs, "seed": seed})
    return apply(own, None, settings, under="train.")
