"""The tokens of one encoder for the clips of a table: in GPU memory, in RAM, or mapped from disk.

C clips of the table, N tokens of a batch, D = 512
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from cache.spec import TOKEN_WIDTH, EncoderSpec
from cache.store import ClipKey, TokenStore

# Of the memory that is free, so that the model and its activations have the other half.
SHARE_OF_MEMORY = 0.5
BYTES_PER_TOKEN = TOKEN_WIDTH * 2
# Clips copied at once: bounds the extra memory while the tokens are read.
BLOCK = 16_384


@dataclass(frozen=True)
class StreamTokens:
    store: TokenStore
    where: NDArray[np.int64]
    """(C,) position of the clip in `store`; -1 where the store has no such clip."""
    lengths: NDArray[np.int64]
    """(C,) tokens of the clip; 0: it has none."""
    begin: NDArray[np.int64]
    """(C,) position of its first token in `flat`."""
    flat: torch.Tensor | None = None
    """(sum of lengths, D) float16, all tokens in the order of the table; None: read from the store's memory map."""
    times: NDArray[np.float32] | None = None
    """Seconds, one a row of `flat`, always in RAM."""

    @classmethod
    def of(cls, store: TokenStore, keys: list[ClipKey]) -> Self:
        where = np.array([store.index.get(key, -1) for key in keys], np.int64)
        lengths = np.zeros(len(keys), np.int64)
        lengths[where >= 0] = store.lengths[where[where >= 0]]
        return cls(store, where, lengths, np.cumsum(lengths) - lengths)

    @property
    def spec(self) -> EncoderSpec:
        return self.store.spec

    @property
    def bytes(self) -> int:
        return int(self.lengths.sum()) * BYTES_PER_TOKEN

    def placed(self, device: torch.device) -> Self:
        """The same tokens held on `device`."""
        if self.flat is not None:
            return replace(self, flat=self.flat.to(device))
        flat = torch.empty((int(self.lengths.sum()), TOKEN_WIDTH), dtype=torch.float16, device=device)
        times = np.empty(len(flat), np.float32)
        filled = np.flatnonzero(self.lengths)
        for start in range(0, len(filled), BLOCK):
            clips = filled[start : start + BLOCK]
            tokens, seconds, _ = self.store.gather(self.where[clips])
            begin = int(self.begin[clips[0]])
            flat[begin : begin + len(tokens)].copy_(torch.from_numpy(tokens))
            times[begin : begin + len(tokens)] = seconds
        return replace(self, flat=flat, times=times)

    def take(self, clips: NDArray[np.int64]) -> tuple[torch.Tensor, NDArray[np.float32]]:
        """Tokens (N, D) float16, where they are held, and times (N,) of `clips` one after another."""
        if self.flat is None or self.times is None:
            tokens, times, _ = self.store.gather(self.where[clips[self.lengths[clips] > 0]])
            return torch.from_numpy(tokens), times
        rows = ranges(self.begin[clips], self.lengths[clips])
        on_device = torch.from_numpy(rows).to(self.flat.device, non_blocking=True)
        return self.flat.index_select(0, on_device), self.times[rows]


def ranges(begin: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """begin[0], begin[0] + 1, ... (lengths[0] numbers), begin[1], ... one after another."""
    first = np.cumsum(lengths) - lengths
    rows: NDArray[np.int64] = np.arange(int(lengths.sum())) + np.repeat(begin - first, lengths)
    return rows


def place_for(needed: int, device: torch.device) -> torch.device | None:
    """Where `needed` bytes of tokens fit: the GPU, else RAM, else None (leave them mapped)."""
    if device.type == "cuda" and needed <= torch.cuda.mem_get_info(device)[0] * SHARE_OF_MEMORY:
        return device
    if needed <= _available_ram() * SHARE_OF_MEMORY:
        return torch.device("cpu")
    return None


def _available_ram() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
