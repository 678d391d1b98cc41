"""Find the pairs of 64-bit words that differ in few bits, without comparing all with all.

Words that differ in at most 7 bits have four 16-bit bands of which one differs in at most 1 (pigeonhole). So a word is
compared with those in the same bucket of a band, and in the 16 buckets one bit away: for a million random words
520 million comparisons instead of 500 billion. An index library would do the same; this needs only numpy.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BANDS, BITS = 4, 16
REACH = 2 * BANDS - 1
"""Bits up to which `pairs_within` finds every pair, except for MOST_LOOKS."""

# Comparisons per word and bucket. Only thousands of nearly equal words exceed it; they find each other through their
# neighbors, because buckets are sorted by the rest of the word.
MOST_LOOKS = 2_048
AT_ONCE = 4_000_000  # comparisons, 32 MB per array

Words = NDArray[np.uint64]
Positions = NDArray[np.int64]


def pairs_within(words: Words, distance: int) -> Iterator[tuple[Positions, Positions]]:
    """(P,), (P,) positions of two words that differ in at most `distance` <= REACH bits; a pair may be repeated."""
    assert distance <= REACH, f"a distance of {distance} is beyond the reach of the search"
    for band in range(BANDS):
        bucket = _Bucket(words, band)
        rank = np.empty(len(words), np.int64)
        rank[bucket.order] = np.arange(len(words))
        everyone = np.arange(len(words))
        yield from _compare(words, words, everyone, bucket, rank + 1, bucket.starts[bucket.keys + 1], distance)
        for bit in range(BITS if distance >= BANDS else 0):
            half = np.flatnonzero((bucket.keys >> bit) & 1 == 0)  # the other half is reached from this one
            keys = bucket.keys[half] ^ (1 << bit)
            yield from _compare(words, words, half, bucket, bucket.starts[keys], bucket.starts[keys + 1], distance)


def pairs_between(queries: Words, words: Words, distance: int) -> Iterator[tuple[Positions, Positions]]:
    """(P,), (P,) positions in `queries` and `words` of pairs within `distance` bits that agree in one band.

    Finds all pairs up to 3 bits, about two in three of those with 6.
    """
    for band in range(BANDS):
        bucket = _Bucket(words, band)
        keys = _extract_band(queries, band)
        everyone = np.arange(len(queries))
        yield from _compare(queries, words, everyone, bucket, bucket.starts[keys], bucket.starts[keys + 1], distance)


class _Bucket:
    """Words sorted by one band, and where each of its values starts."""

    def __init__(self, words: Words, band: int) -> None:
        self.keys = _extract_band(words, band)
        self.order = np.lexsort((words, self.keys))
        self.starts = np.searchsorted(self.keys[self.order], np.arange(2**BITS + 1))


def _extract_band(words: Words, band: int) -> Positions:
    return ((words >> np.uint64(BITS * band)) & np.uint64(2**BITS - 1)).astype(np.int64)


def _compare(
    queries: Words, words: Words, asking: Positions, bucket: _Bucket, begin: Positions, end: Positions, distance: int
) -> Iterator[tuple[Positions, Positions]]:
    """Each of `asking` with the words at `begin` to `end` of the bucket's order."""
    counts = np.clip(end - begin, 0, MOST_LOOKS)
    ends = np.cumsum(counts)
    start = 0
    while start < len(asking):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + AT_ONCE, "right")))
        part = counts[start:stop]
        first = np.repeat(asking[start:stop], part)
        steps = np.arange(len(first)) - np.repeat(np.cumsum(part) - part, part)
        second = bucket.order[np.repeat(begin[start:stop], part) + steps]
        near = np.bitwise_count(queries[first] ^ words[second]) <= distance
        yield first[near], second[near]
        start = stop
