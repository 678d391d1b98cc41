"""Where the encoder weights of a run lie: in the profile of a bundle as `./encoders/...`, in memory with its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from unmask.cache.encoders import find_named_weights, is_own
from unmask.core.errors import MissingInput
from unmask.core.extensions import hash_extension
from unmask.preprocess.profiles import Profile
from unmask.train.bundles.listing import ENCODERS, BundleInfo

INSIDE = f"./{ENCODERS}/"


def place_weights(choice: Mapping[str, Any], place: Callable[[str], str]) -> dict[str, Any]:
    """An encoder of a profile, as JSON, with its weights (a setting, or a part of its name) at `place(weights)`."""
    name = str(choice.get("name", ""))
    if choice.get("weights"):
        return {**choice, "weights": place(str(choice["weights"]))}
    if named := None if is_own(name) else find_named_weights(name):
        return {**choice, "name": name.removesuffix(named) + place(named)}
    return dict(choice)


def open_encoders(about: dict[str, Any], root: Path, info: BundleInfo) -> dict[str, Any]:
    """inputs.json of the bundle `root` with the paths of the encoder weights inside it.

    Raise `MissingInput` for weights at a place outside the bundle.
    """

    def place(weights: str) -> str:
        if weights.startswith(INSIDE):
            name = weights.removeprefix("./")
            if (
                any(one == name or one.startswith(f"{name}/") for one in info.files)
                and str(PurePosixPath(name)) == name
            ):
                return str(root.resolve() / name)
        if weights.startswith(("/", ".", "~")):
            problem = f"{root / 'inputs.json'}: names encoder weights outside the bundle ({weights!r})"
            raise MissingInput(problem, "do not use this bundle")
        return weights

    profile = about.get("profile")
    choices = profile.get("encoders") if isinstance(profile, dict) else None
    if not isinstance(profile, dict) or not isinstance(choices, list):
        return about
    placed = [place_weights(one, place) if isinstance(one, dict) else one for one in choices]
    return about | {"profile": profile | {"encoders": placed}}


def check_own_encoders(run: Path, profile: Profile, info: BundleInfo) -> None:
    """Raise `MissingInput` when the user's own encoder is not there or is not the code that the run was made with."""
    for choice in profile.encoders:
        if not is_own(choice.name):
            continue
        if info.extensions.get(f"encoder {choice.name}") != hash_extension(choice.name, "encoder"):
            problem = f"{run}: the source of encoder {choice.name} is not the one that this bundle was made with"
            raise MissingInput(problem, "use the module that the run was trained with: its code is not in the bundle")
