"""The index of near-duplicates on generated perceptual hashes, against comparing all with all on a part of them.

One in a hundred is a copy of another with up to 7 of its 64 bits changed; the index has to find all of these.
"""

from __future__ import annotations

import time

import numpy as np

from unmask.manifests.duplicates.hamming_search import REACH, Positions, Words, pairs_within

SIZES = (50_000, 200_000, 800_000)
ALL_PAIRS = 20_000


def main() -> str:
    lines = [f"{'all with all':14} {ALL_PAIRS:9,} words {_all_pairs(_words(ALL_PAIRS)[0]):7.1f} s"]
    for size in SIZES:
        words, first, second = _words(size)
        started = time.perf_counter()
        pairs = list(pairs_within(words, REACH))
        found = _codes(*(np.concatenate([pair[end] for pair in pairs]) for end in (0, 1)), size=size)
        seconds = time.perf_counter() - started
        missed = np.setdiff1d(_codes(first, second, size=size), found)
        assert not len(missed), f"{len(missed)} copies were not found"
        lines.append(f"{'index':14} {size:9,} words {seconds:7.1f} s   {len(first):,} copies, all found")
    return "\n".join(lines)


def _words(size: int) -> tuple[Words, Positions, Positions]:
    """(size,) random words, and the positions of originals and of their copies."""
    random = np.random.default_rng(0)
    words = random.integers(0, 2**64, size, dtype=np.uint64)
    shuffled = random.permutation(size)
    copies = size // 100
    first, second = shuffled[:copies], shuffled[-copies:]
    words[second] = words[first]
    for _ in range(REACH):  # a bit drawn twice changes back: 1, 3, 5 or 7 bits differ
        words[second] ^= np.uint64(1) << random.integers(0, 64, copies, dtype=np.uint64)
    return words, first, second


def _codes(first: Positions, second: Positions, *, size: int) -> Positions:
    """One number for each pair, whichever is named first."""
    return np.unique(np.minimum(first, second) * size + np.maximum(first, second))


def _all_pairs(words: Words) -> float:
    started = time.perf_counter()
    for word in words:
        np.flatnonzero(np.bitwise_count(words ^ word) <= REACH)
    return time.perf_counter() - started
