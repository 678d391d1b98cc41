"""Cached tokens as a torch Dataset of ragged clips, for models and training loops of your own.

B clips of a batch, T tokens of a clip, N tokens of a batch, D width of an encoder's tokens (512 by default)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from unmask.train.data.token_data import TokenData

Clip = dict[str, Any]

LABELS = ("label", "video_fake", "audio_fake", "domain", "clip")


class ClipDataset(Dataset[Clip]):
    """One dictionary per clip:

    media_id    str, the file that the clip is from; clip: int, its number within the file
    label       int: 1 fake, 0 real, -1 unknown; video_fake and audio_fake the same for one modality
    domain      int: position of the file's dataset in `datasets`
    tokens      {encoder: (T, D) float16 tensor}, T differs per clip and encoder; 0 where the clip has no such modality
    times       {encoder: (T,) float32 tensor} seconds in the recording

    Tokens are read from memory-mapped files, so that worker processes share them. Augmented copies are not used.
    """

    def __init__(self, data: TokenData, split: str | None, encoders: Sequence[str]) -> None:
        """The clips of `split` (None: all) that have a token of one of `encoders`."""
        self.encoders = tuple(encoders)
        self.datasets = data.clips.datasets
        self._data = data
        self._clips = data.select(self.encoders, split)

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, position: int) -> Clip:
        row = self._clips[position]
        table, clip = self._data.clips, np.array([row])
        sample: Clip = {"media_id": str(table.media_id[row]), "tokens": {}, "times": {}}
        sample |= {name: int(getattr(table, name)[row]) for name in LABELS}
        for name in self.encoders:
            tokens, times = self._data.all_streams[name].take(clip)
            sample["tokens"][name], sample["times"][name] = tokens, torch.from_numpy(times)
        return sample

    def __repr__(self) -> str:
        return f"ClipDataset({len(self):,} clips, {', '.join(self.encoders)})"


def collate_clips(clips: Sequence[Clip]) -> dict[str, Any]:
    """A batch without padding, for `DataLoader(dataset, collate_fn=collate_clips)`:

    media_id    list of B str
    label, video_fake, audio_fake, domain, clip    (B,) int64
    tokens      {encoder: (N, D) float16}, the tokens of all clips one after another
    times       {encoder: (N,) float32} seconds
    offsets     {encoder: (B + 1,) int64}: clip b has the rows offsets[b] : offsets[b + 1]
    """
    encoders = list(clips[0]["tokens"])
    batch: dict[str, Any] = {"media_id": [clip["media_id"] for clip in clips]}
    batch |= {name: torch.tensor([clip[name] for clip in clips]) for name in LABELS}
    for field in ("tokens", "times"):
        batch[field] = {name: torch.cat([clip[field][name] for clip in clips]) for name in encoders}
    lengths = {name: torch.tensor([0, *(len(clip["times"][name]) for clip in clips)]) for name in encoders}
    batch["offsets"] = {name: counts.cumsum(0) for name, counts in lengths.items()}
    return batch
