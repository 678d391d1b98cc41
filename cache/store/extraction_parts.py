"""Finished parts of an extraction on several machines, until `merge` joins them.

tokens/parts/<profile fingerprint>-<i>-of-<n>.json     {"profile", "part": [i, n], "stores": [folder names]}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from unmask.core.atomic_files import remove_path, write_json
from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.sharing.partition import Partition
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.profiles import Profile

FOLDER = "parts"
REMEDY = "remove it, then run that part again: unmask extract --shard"


@dataclass(frozen=True, slots=True)
class ExtractionPart:
    """One part that `extract` has finished."""

    path: Path
    profile: Profile
    partition: Partition
    stores: frozenset[str]
    """Names of the store folders that it filled."""


def write_part(work: WorkFolder, profile: Profile, partition: Partition, stores: Sequence[str]) -> None:
    name = f"{profile.fingerprint()}-{partition.number}-of-{partition.count}.json"
    part = [partition.number, partition.count]
    about = {"profile": profile.model_dump(mode="json"), "part": part, "stores": sorted(stores)}
    write_json(work.tokens / FOLDER / name, about)


def list_parts(work: WorkFolder, profile: Profile | None = None) -> list[ExtractionPart]:
    """Those of `profile`; None: of all. `MissingInput` for one that cannot be read."""
    name = "*" if profile is None else f"{profile.fingerprint()}-*"
    return [_read_part(path) for path in sorted((work.tokens / FOLDER).glob(f"{name}.json"))]


def remove_parts(work: WorkFolder, profile: Profile) -> None:
    """When the index of the profile refers to all their stores."""
    for part in list_parts(work, profile):
        remove_path(part.path)


def _read_part(path: Path) -> ExtractionPart:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        profile, partition = Profile.model_validate(about["profile"]), Partition(*map(int, about["part"]))
        return ExtractionPart(path, profile, partition, frozenset(about["stores"]))
    except (OSError, ValidationError, ValueError, KeyError, TypeError) as error:
        raise_read_failure(error)
        raise MissingInput(f"{path}: not readable ({error})", REMEDY) from error
