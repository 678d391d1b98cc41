"""Datasets that the encoders of a run were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from unmask.cache.encoders import find_stream_name
from unmask.cache.store.profile_index import read_index
from unmask.cache.weights.seen_datasets import SeenDataset, find_seen_datasets
from unmask.core.errors import DamagedInput, MissingInput
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.profiles import Profile
from unmask.train.run_info import RunInfo


def list_seen(info: RunInfo, profile: Profile, datasets: Sequence[str]) -> Iterator[SeenDataset]:
    """By the `profile` as it was last extracted, which may say more of its encoders than at the training of the run."""
    choices = {find_stream_name(choice): choice for choice in profile.encoders}
    for name, stream in info.streams.items():
        yield from find_seen_datasets(name, choices.get(name), stream.spec.weights, datasets)


def find_profile(run: Path, info: RunInfo) -> Profile:
    """The profile as it was last extracted in the work folder of `run`; without one, as the run was trained.

    `DamagedInput` for one that is damaged.
    """
    try:
        return read_index(WorkFolder(run.parent.parent).tokens / f"{info.profile.fingerprint()}.json")[0]
    except DamagedInput:
        raise
    except MissingInput:
        return info.profile
