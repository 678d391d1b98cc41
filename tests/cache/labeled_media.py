"""Labels, splits and identities for the items of a small work folder, and fast settings of an adaptation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from unmask.manifests.manifest import Manifest, MediaRow, from_rows
from unmask.preprocess.profiles import EncoderChoice, Profile

CPU = torch.device("cpu")
SPLITS = ("train", "train", "val", "test")
FAST = {"epochs": 2, "batch_size": 4, "draws": 8, "frames": 2}


def label_rows(rows: list[MediaRow]) -> list[MediaRow]:
    """Every second item is fake; of four pairs two are train, one val, one test. Each item is one identity."""
    return [_label(row, number) for number, row in enumerate(rows)]


def _label(row: MediaRow, number: int) -> MediaRow:
    fake, split = number % 2, SPLITS[number // 2 % 4]
    part: dict[str, Any] = {"video_fake" if row.kind == "image" else "audio_fake": bool(fake)}
    named = {"people": (f"person-{number}",), "group": f"person-{number}"}
    return replace(row, label=fake, method="swap" if fake else "none", split=split, split_scheme="a", **named, **part)


def make_manifest(rows: list[MediaRow]) -> Manifest:
    return from_rows(rows, {"archive": "/nowhere"})


def use(profile: Profile, name: str, weights: str | Path) -> Profile:
    """`profile` with one encoder."""
    return profile.model_copy(update={"encoders": (EncoderChoice(name=name, weights=str(weights)),)})
