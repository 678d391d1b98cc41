"""The profile of a work folder: chosen once, printed, written to `profile.json`, and used by later calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from unmask.cache.encoders import find_stream_name
from unmask.cache.weights.hub import check_hub
from unmask.cache.weights.resolve import find_weights, needs_weights
from unmask.core.errors import MissingInput, UsageError
from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.core.settings import apply
from unmask.core.suggestions import suggest
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.encoder_names import TWO_SIDED, make_file_safe
from unmask.preprocess.profiles import AS, PROFILES, Profile, hub, offline

AUTO = "auto"
DEFAULT = "default"
"""Of `weights`: those that the encoder has by itself."""


def resolve_profile(
    work: WorkFolder,
    name: str | None,
    settings_file: Path | None,
    assignments: Sequence[str],
    say: Callable[[str], None],
    *,
    weights: Mapping[str, str | Path] | None = None,
    keep: bool = True,
) -> Profile:
    """Choose the profile of this call; also write it to `work.profile` if `keep`. `weights`: see `replace_weights`.

    None or "auto": the stored profile. Without one: `hub` if its weights are on this machine or the hub answers within
    seconds, else `offline`. Settings change the stored profile permanently. The name of a preset starts again from that
    preset. `UsageError` for an unknown name or setting.
    """
    stored = read_stored_profile(work)
    if name in (None, AUTO) and stored:
        base, why = stored, f"as {work.profile} says"
    elif name in (None, AUTO):
        base, why = _choose_automatically(settings_file, assignments)
    else:
        base, why = _load_preset(str(name)), "as asked"
    profile = replace_weights(apply(base, settings_file, assignments), weights or {})
    _check(profile)
    if stored and profile != stored:
        why += f"; changed: {', '.join(_list_changes(stored, profile))}"
    say(f"profile {profile.name}: {', '.join(choice.alias_or_name for choice in profile.encoders)} ({why})")
    if keep and profile != stored:
        sealed_files.write_json(work.profile, profile.model_dump(mode="json"))
    return profile


def replace_weights(profile: Profile, weights: Mapping[str, str | Path]) -> Profile:
    """`profile` with other weights of some encoders: a folder, a hub name, or "default" for the encoder's own.

    The name of layers that are kept apart, without the layer, stands for all of them, and `sync` for both of its sides.
    Folders become absolute paths, so that later commands find them from anywhere. An encoder of image and audio that
    the profile does not have is added to it.
    `UsageError` for any other encoder that the profile does not have.
    """
    added = tuple(name for name in weights if name in TWO_SIDED and not list_parts(profile, name))
    if added:
        profile = Profile.model_validate(profile.model_dump() | {"encoders": (*profile.encoders, *added)})
    names = [choice.alias_or_name for choice in profile.encoders]
    chosen: dict[str, str | None] = {}
    for name, given in weights.items():
        meant = [name] * (name in names) or list_parts(profile, name)
        if not meant:
            hint = f"{suggest(name, names)}encoders of the profile: {', '.join(names)}"
            raise UsageError(f"profile {profile.name} has no encoder {name!r}", hint)
        chosen |= dict.fromkeys(meant, _locate(str(given)))
    encoders = tuple(
        one.model_copy(update={"weights": chosen[one.alias_or_name]}) if one.alias_or_name in chosen else one
        for one in profile.encoders
    )
    return profile.model_copy(update={"encoders": encoders})


def list_parts(profile: Profile, name: str) -> list[str]:
    """Encoders of `profile` that `split_layers` or `split_sides` made of one that is called `name`."""
    called = (name, make_file_safe(name))
    return [one.alias_or_name for one in profile.encoders if one.alias and one.network_name in called]


def _locate(given: str) -> str | None:
    path = Path(given).expanduser()
    return str(path.resolve()) if path.exists() else None if given == DEFAULT else given


def _choose_automatically(settings_file: Path | None, assignments: Sequence[str]) -> tuple[Profile, str]:
    wanted = apply(hub(), settings_file, assignments)
    _check(wanted)
    missing = [c.name for c in wanted.encoders if needs_weights(c.name) and find_weights(c.name, c.weights) is None]
    if not missing:
        return hub(), "auto: its weights are on this machine"
    if check_hub():
        return hub(), "auto: the model hub answers"
    return offline(), f"auto: no weights here for {', '.join(missing)}, and the model hub does not answer"


def _load_preset(name: str) -> Profile:
    if name not in PROFILES:
        known = (AUTO, *PROFILES)
        raise UsageError(f"no profile {name!r}", f"{suggest(name, known)}profiles: {', '.join(known)}")
    return PROFILES[name]()


def read_stored_profile(work: WorkFolder) -> Profile | None:
    """The profile of the last call; None where there was none. `MissingInput` for another version's."""
    remedy = f"remove {work.profile} and choose again with --profile"
    try:
        return Profile.model_validate(sealed_files.read_json(work.profile))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise MissingInput(f"{work.profile}: another version's profile ({error.errors()[0]['msg']})", remedy) from error
    except ValueError as error:
        raise as_missing_input(error, f"{work.profile}: not JSON ({error})", remedy) from error


def _check(profile: Profile) -> None:
    """Refuse unknown and duplicate encoders before any stage starts."""
    if not profile.encoders:
        raise UsageError("encoders of the profile: none", "name at least one encoder")
    for choice in profile.encoders:
        needs_weights(choice.name)
    streams = Counter(map(find_stream_name, profile.encoders))
    for choice in profile.encoders:
        if (count := streams[find_stream_name(choice)]) > 1:
            example = "{" + f"name: {choice.name}, layer: 6, {AS}: {make_file_safe(choice.name)[:40]}_l6" + "}"
            raise UsageError(
                f"encoders of the profile: {choice.alias_or_name} is there {count} times",
                f"name each only once, or give all but one another name with `{AS}`: {example}",
            )


def _list_changes(old: Profile, new: Profile) -> list[str]:
    """Dotted names of the settings that differ."""
    changes = [key for key in ("name", "encoders") if getattr(old, key) != getattr(new, key)]
    names = type(new.preprocess).model_fields
    return changes + [f"preprocess.{k}" for k in names if getattr(old.preprocess, k) != getattr(new.preprocess, k)]
