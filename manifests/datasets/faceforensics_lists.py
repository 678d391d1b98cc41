"""FaceForensics++'s published pairs and the sequences that come from one YouTube video, as shipped in `ffpp/`."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from unmask.manifests.manifest import Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")


@cache
def official_splits() -> dict[str, Split]:
    """Sequence ("000" to "999") -> its published split: 720 / 140 / 140."""
    return {sequence: split for split in SPLITS for pair in _load(f"{split}.json") for sequence in pair}


@cache
def videos() -> dict[str, str]:
    """Sequence -> the first one of the same YouTube video, for the 45 that share one (1,000 come from 977 videos)."""
    return {sequence: group[0] for group in _load("same_youtube_video.json") for sequence in group}


def sources(*sequences: str) -> tuple[str, ...]:
    """Keys of sequences and of the videos they share with others."""
    keys = [f"ffpp:{sequence}" for sequence in sequences]
    keys += [f"ffpp:video-of-{videos()[sequence]}" for sequence in sequences if sequence in videos()]
    return tuple(dict.fromkeys(keys))


def _load(name: str) -> Any:
    return json.loads(resources.files("unmask.manifests.datasets").joinpath("ffpp", name).read_text(encoding="utf-8"))
