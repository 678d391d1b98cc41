"""Tokens of clips of different lengths, one after another, read from contiguous ranges of files.

C clips, T tokens of all clips one after another, D = spec.width, B clips of a batch, N tokens of a batch
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import EncoderSpec
from unmask.cache.store.memory_map import announce_reads, map_file
from unmask.core.errors import DamagedInput, raise_read_failure
from unmask.core.process_pool import count_cores

REMEDY = "unmask extract"
REPAIR = "unmask cache verify --repair"

ClipKey = tuple[str, int]
"""(media_id, number of the clip within its media file)"""

Gathered = tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.int64]]
"""Tokens (N, D), times (N,) in seconds, offsets (B + 1,): clip b has the rows offsets[b] : offsets[b + 1]."""

# Bytes that one thread reads at a time: large enough for little overhead, small enough that threads share a file.
BLOCK_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """A contiguous range of tokens in a file, little-endian float16."""

    path: Path
    offset: int
    """Bytes before the first token."""
    rows: int
    width: int
    """D."""

    @property
    def bytes(self) -> int:
        return self.rows * self.width * 2

    def map(self) -> NDArray[np.float16]:
        """Map (rows, D) read-only; a page is read at its first use. `DamagedInput` when the file is too short."""
        if self.bytes == 0:  # an empty range cannot be mapped
            return np.zeros((self.rows, self.width), np.float16)
        try:
            whole = map_file(self.path, self.offset + self.bytes)
        except OSError as error:
            raise_read_failure(error)
            raise DamagedInput(f"{self.path}: cannot be mapped ({error})", REPAIR) from error
        tokens: NDArray[np.float16] = whole[self.offset :].view("<f2").reshape(self.rows, self.width)
        return tokens

    def read_into(self, out: NDArray[np.float16], start: int) -> None:
        """Fill `out` (n, D), contiguous, with the rows from `start` on. `DamagedInput` when the file is too short."""
        target, done = out.data.cast("B"), 0
        begin = self.offset + start * self.width * 2
        with self.path.open("rb", buffering=0) as file:
            while done < len(target):
                count = os.preadv(file.fileno(), [target[done:]], begin + done)
                if count == 0:
                    raise DamagedInput(f"{self.path}: ends too early", REPAIR)
                done += count


class Ragged:
    """Base of all readers of stored tokens. Safe for any number of threads and processes at once."""

    def __init__(
        self,
        spec: EncoderSpec,
        keys: list[ClipKey],
        lengths: NDArray[np.int64],
        times: NDArray[np.float32],
        pieces: Sequence[Piece],
    ) -> None:
        """`pieces` hold the tokens of `keys` in order; no clip spans two of them."""
        self.spec = spec
        self.keys = keys
        self.lengths = lengths
        """(C,) tokens per clip; 0 when the clip does not have the encoder's modality."""
        self.times = times
        """(T,) seconds on the clock of the recording."""
        self._pieces = list(pieces)
        self.parts = [piece.map() for piece in pieces]
        """The tokens in order, read-only; a page is read at its first use."""
        first = np.cumsum([0, *(piece.rows for piece in pieces)])
        self._begin = np.cumsum(lengths) - lengths
        self._piece = np.clip(np.searchsorted(first, self._begin, side="right") - 1, 0, max(0, len(pieces) - 1))
        self._inside = self._begin - first[self._piece]
        """(C,) position of the clip's first token in its piece."""

    def __len__(self) -> int:
        return len(self.keys)

    def describe(self) -> str:
        """Encoder, clips and tokens, for `__repr__`."""
        return f"{self.spec.name}, {len(self):,} clips, {self.tokens:,} tokens x {self.spec.width}"

    @cached_property
    def index(self) -> dict[ClipKey, int]:
        """Clip -> position in `keys`, `lengths` and `gather`."""
        return {key: position for position, key in enumerate(self.keys)}

    def share_keys(self, other: Ragged) -> bool:
        """Whether both have the same clips; then this one lets go of its list of them: 150 MB for a million."""
        if self.keys != other.keys:
            return False
        self.keys = other.keys
        return True

    @property
    def tokens(self) -> int:
        """T."""
        return len(self.times)

    def announce(self, clips: NDArray[np.int64]) -> None:
        """Have the tokens of the clips at these positions read ahead from the disk, all at once; returns at once."""
        inside, row_bytes = self._inside[clips], self.spec.width * 2
        stretches = zip(self._piece[clips].tolist(), inside.tolist(), self.lengths[clips].tolist(), strict=True)
        for piece, start, count in stretches:
            announce_reads(self._addresses[piece] + start * row_bytes, count * row_bytes)

    @cached_property
    def _addresses(self) -> list[int]:
        return [part.__array_interface__["data"][0] for part in self.parts]

    def gather(self, clips: NDArray[np.int64]) -> Gathered:
        """Tokens of the clips at these positions, in this order. `IndexError` for a position that does not exist."""
        lengths, inside = self.lengths[clips], self._inside[clips]
        stretches = zip(self._piece[clips].tolist(), inside.tolist(), (inside + lengths).tolist(), strict=True)
        maps = self.parts
        parts = [maps[piece][start:stop] for piece, start, stop in stretches]
        tokens = np.concatenate(parts) if parts else np.zeros((0, self.spec.width), np.float16)
        return tokens, self.times[concatenate_ranges(self._begin[clips], lengths)], compute_offsets(lengths)

    def load(self) -> Gathered:
        """Read all tokens into one array, with several threads."""
        tokens = np.empty((self.tokens, self.spec.width), np.float16)
        jobs, first = [], 0
        for piece in self._pieces:
            step = max(1, BLOCK_BYTES // max(1, piece.width * 2))
            for start in range(0, piece.rows, step):
                stop = min(start + step, piece.rows)
                jobs.append((piece, tokens[first + start : first + stop], start))
            first += piece.rows
        with ThreadPoolExecutor(count_cores(), thread_name_prefix="load-tokens") as readers:
            for _ in readers.map(lambda job: job[0].read_into(job[1], job[2]), jobs):
                pass
        return tokens, self.times.copy(), compute_offsets(self.lengths)


def concatenate_ranges(begin: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Concatenate the ranges [begin[k], begin[k] + lengths[k])."""
    first = np.cumsum(lengths) - lengths
    rows: NDArray[np.int64] = np.arange(int(lengths.sum())) + np.repeat(begin - first, lengths)
    return rows


def compute_offsets(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """(C + 1,): clip c has the tokens offsets[c] : offsets[c + 1]."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
