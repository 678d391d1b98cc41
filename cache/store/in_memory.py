"""Tokens held in RAM or in GPU memory.

C clips, T tokens of all clips one after another, D = spec.width, B clips of a batch, N tokens of a batch
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.spec import EncoderSpec
from unmask.cache.store.ragged import Ragged, compute_offsets, concatenate_ranges

# Clips copied at once: limits the extra memory during loading.
BLOCK = 2048


@dataclass(frozen=True)
class InMemory:
    spec: EncoderSpec
    lengths: NDArray[np.int64]
    """(C,) tokens per clip, 0 for none."""
    begin: NDArray[np.int64]
    """(C,) row of the clip's first token."""
    tokens: torch.Tensor
    """(T, D) float16 on the device."""
    times: NDArray[np.float32]
    """(T,) seconds, always in RAM, where batches are laid out."""

    @classmethod
    def of(cls, store: Ragged, device: torch.device, clips: NDArray[np.int64] | None = None) -> Self:
        """Load the `clips` of `store` (positions; -1: a clip without tokens; None: all) to `device`, in order."""
        if clips is None and device.type == "cpu":
            tokens, times, offsets = store.load()
            return cls(store.spec, store.lengths, offsets[:-1], torch.from_numpy(tokens), times)
        clips = np.arange(len(store)) if clips is None else clips
        lengths = get_lengths(store, clips)
        begin, total = np.cumsum(lengths) - lengths, int(lengths.sum())
        held = torch.empty((total, store.spec.width), dtype=torch.float16, device=device)
        times = np.empty(total, np.float32)
        filled = np.flatnonzero(lengths)
        for start in range(0, len(filled), BLOCK):
            block = filled[start : start + BLOCK]
            tokens, seconds, _ = store.gather(clips[block])
            rows = slice(int(begin[block[0]]), int(begin[block[0]]) + len(tokens))
            held[rows].copy_(torch.from_numpy(tokens))
            times[rows] = seconds
        return cls(store.spec, lengths, begin, held, times)

    def __repr__(self) -> str:
        size = f"{len(self):,} clips, {len(self.tokens):,} tokens x {self.spec.width}"
        return f"InMemory({self.spec.name}, {size}, {self.device})"

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def device(self) -> torch.device:
        return self.tokens.device

    def to(self, device: torch.device) -> Self:
        return replace(self, tokens=self.tokens.to(device))

    def gather(self, clips: NDArray[np.int64]) -> tuple[torch.Tensor, NDArray[np.float32], NDArray[np.int64]]:
        """Tokens (N, D) float16 on the device, times (N,) and offsets (B + 1,) of the clips at these positions."""
        lengths = self.lengths[clips]
        rows = concatenate_ranges(self.begin[clips], lengths)
        return self._select_rows(rows), self.times[rows], compute_offsets(lengths)

    def _select_rows(self, rows: NDArray[np.int64]) -> torch.Tensor:
        if self.device.type == "cpu":
            # index_select splits even a small copy among all threads and waits for each: 20 times slower on busy cores.
            return torch.from_numpy(self.tokens.numpy().take(rows, axis=0))
        # Pinned: otherwise the copy waits for the GPU's queued work.
        there = torch.from_numpy(rows).pin_memory().to(self.device, non_blocking=True)
        return self.tokens.index_select(0, there)


def get_lengths(store: Ragged, clips: NDArray[np.int64]) -> NDArray[np.int64]:
    """(len(clips),) tokens of the clips at these positions of `store`; 0 for position -1."""
    lengths = np.zeros(len(clips), np.int64)
    lengths[clips >= 0] = store.lengths[clips[clips >= 0]]
    return lengths
