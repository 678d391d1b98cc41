"""The tokens of one encoder for the clips of a table: in GPU memory, in RAM, or mapped from disk.

C clips of the table, N tokens of a batch, D = the width of the encoder's tokens
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.spec import EncoderSpec
from unmask.cache.store.in_memory import InMemory, get_lengths
from unmask.cache.store.ragged import ClipKey, concatenate_ranges
from unmask.cache.store.token_store import TokenStore
from unmask.core.machine import GIB, read_memory_gib

# Of the memory that is free, so that the model and its activations have the other half.
SHARE_OF_MEMORY = 0.5


@dataclass(frozen=True)
class StreamTokens:
    store: TokenStore
    where: NDArray[np.int64]
    """(C,) position of the clip in `store`; -1 where the store has no such clip."""
    lengths: NDArray[np.int64]
    """(C,) tokens of the clip; 0: it has none."""
    held: InMemory | None = None
    """The tokens of the table's clips, in its order; None: read from the store's memory map."""
    views: tuple[Self, ...] = ()
    """The same clips in augmented view 1, 2, ...; none where the encoder has no views."""

    @classmethod
    def of(
        cls, store: TokenStore, keys: Iterable[ClipKey], views: Sequence[TokenStore] = (), like: Self | None = None
    ) -> Self:
        """`keys` in the order of the table, which may be iterated several times. `like`: the tokens of the same `keys`
        of another store, which most often has the same clips.
        """
        alike = like is not None and store.share_keys(like.store)
        where = like.where if like and alike else np.fromiter((store.index.get(key, -1) for key in keys), np.int64)
        found = cls(store, where, get_lengths(store, where))
        return replace(found, views=tuple(cls.of(view, keys, like=found) for view in views))

    @property
    def spec(self) -> EncoderSpec:
        return self.store.spec

    @property
    def bytes(self) -> int:
        return int(self.lengths.sum()) * self.spec.width * 2 + sum(view.bytes for view in self.views)

    @property
    def flat(self) -> torch.Tensor | None:
        """(sum of lengths, D) float16, all tokens in the order of the table; None while they are mapped."""
        return None if self.held is None else self.held.tokens

    def move_to(self, device: torch.device) -> Self:
        """The same tokens held on `device`."""
        held = InMemory.of(self.store, device, self.where) if self.held is None else self.held.to(device)
        return replace(self, held=held, views=tuple(view.move_to(device) for view in self.views))

    def take(
        self, clips: NDArray[np.int64], seen: NDArray[np.int64] | None = None
    ) -> tuple[torch.Tensor, NDArray[np.float32]]:
        """Tokens (N, D) float16, where they are held, and times (N,) of `clips` one after another.

        `seen` (B,): the view of each clip; 0 is the clean one, and so is one that this encoder has not of a clip.
        """
        if seen is None or not self.views or not seen.any():
            return self._clean(clips)
        tokens, times = self._clean(clips)
        tokens = tokens.clone()
        starts = np.cumsum(self.lengths[clips]) - self.lengths[clips]
        for number, view in enumerate(self.views, start=1):
            mine = (seen == number) & (view.lengths[clips] == self.lengths[clips])
            if mine.any():
                rows = torch.from_numpy(concatenate_ranges(starts[mine], self.lengths[clips[mine]])).to(tokens.device)
                tokens.index_copy_(0, rows, view._clean(clips[mine])[0])
        return tokens, times

    def _clean(self, clips: NDArray[np.int64]) -> tuple[torch.Tensor, NDArray[np.float32]]:
        if self.held is not None:
            return self.held.gather(clips)[:2]
        filled = self.where[clips[self.lengths[clips] > 0]]
        self.store.announce(filled)
        tokens, times, _ = self.store.gather(filled)
        return torch.from_numpy(tokens), times


def place_for(needed: int, device: torch.device) -> torch.device | None:
    """Where `needed` bytes of tokens fit: the GPU, else RAM, else None (leave them mapped)."""
    if device.type == "cuda" and needed <= torch.cuda.mem_get_info(device)[0] * SHARE_OF_MEMORY:
        return device
    # Every process of a machine that torchrun started holds its own.
    if needed * int(os.environ.get("LOCAL_WORLD_SIZE", "1")) <= read_memory_gib()[0] * GIB * SHARE_OF_MEMORY:
        return torch.device("cpu")
    return None
