"""Arguments that several stages take, from the names that users give."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.core.errors import REASONS, UsageError
from unmask.core.suggestions import suggest
from unmask.core.work_folder import WorkFolder

if TYPE_CHECKING:
    from unmask.preprocess.profiles import Profile
    from unmask.train.config import TrainConfig

ProfileSettings = str | Path | Mapping[str, Any]
"""Path of a YAML file, or settings by their dotted names: {"preprocess.face_size": 160}."""


def choose_profile(
    work: WorkFolder,
    profile: str | Profile | None,
    settings: ProfileSettings | None = None,
    assignments: Sequence[str] = (),
    *,
    weights: Mapping[str, str | Path] | None = None,
    say: Callable[[str], None],
    keep: bool = True,
) -> Profile:
    """The profile that a stage uses, changed by `settings`, then by "name=value" `assignments` and by `weights`.

    With `keep` it is stored for later calls. A `Profile` is used as it is and not stored.
    """
    from unmask.cache.profile_choice import replace_weights, resolve_profile

    if profile is not None and not isinstance(profile, str):
        return replace_weights(profile, weights or {})
    file = None if settings is None or isinstance(settings, Mapping) else Path(settings)
    named = settings if isinstance(settings, Mapping) else {}
    # JSON is YAML too, which is how assignments are read.
    changes = [f"{name}={json.dumps(value)}" for name, value in named.items()]
    return resolve_profile(work, profile, file, [*changes, *assignments], weights=weights or {}, say=say, keep=keep)


def select_encoders(profile: Profile, names: Sequence[str]) -> Profile:
    """`profile` with these encoders only: as it has them, by their name or alias there, the others with defaults."""
    wanted = []
    for name in names:
        own = [one for one in profile.encoders if name in (one.alias_or_name, one.name, one.network_name)]
        wanted += [one.model_dump(mode="json") for one in own] or [{"name": name}]
    return profile.changed({"encoders": wanted})


def check_reasons(names: Sequence[str]) -> tuple[str, ...]:
    """Reasons for which items failed; "all" is every one. `UsageError` for an unknown name."""
    unknown = sorted(set(names) - {*REASONS, "all"})
    if unknown:
        raise UsageError(
            f"retry: no such reason {unknown[0]!r}",
            f"{suggest(unknown[0], REASONS)}all, or some of {','.join(REASONS)}",
        )
    return REASONS if "all" in names else tuple(names)


def make_rows(
    presets: Sequence[str] | Mapping[str, TrainConfig], settings: Mapping[str, Any], *, linear: bool
) -> dict[str, TrainConfig]:
    """Name -> configuration of each row of a table, all with `settings`; `linear`: the preset first."""
    from unmask.train.presets import begin_with_linear, make_preset

    named = presets if isinstance(presets, Mapping) else {name: make_preset(name) for name in presets}
    configs = {name: config.changed(settings) for name, config in named.items()}
    return begin_with_linear(configs, make_preset("linear").changed(settings)) if linear else configs
