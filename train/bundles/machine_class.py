"""The class of machine that a bundle was made on. Scores are equal to the last bit within one class."""

from __future__ import annotations

import platform
from collections.abc import Mapping

import torch

from unmask.core.machine import read_versions

CLASS = ("architecture", "device", "torch")


def describe_class(device: str, torch_version: str) -> dict[str, str]:
    """Architecture of the processor, type of the device (cpu, cuda) and version of torch; versions of packages."""
    versions = {name: version for name, version in read_versions().items() if version != "missing"}
    return versions | {
        "architecture": platform.machine(),
        "device": device,
        "torch": torch_version.partition("+")[0],
    }


def describe_difference(made_on: Mapping[str, str], device: torch.device) -> str | None:
    """A sentence when the scores may differ in their last digits from those where the bundle was made, else None."""
    here = describe_class(device.type, torch.__version__)
    changes = [
        f"{name} {made_on[name]} there, {here[name]} here"
        for name in CLASS
        if made_on.get(name) != here[name] and name in made_on
    ]
    if not changes:
        return None
    return f"made on another class of machine ({'; '.join(changes)}): scores may differ slightly (docs/bundles.md)"
