"""Files in batches that bound the disk and memory of the stages, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

BATCH_FILES = 64
BATCH_BYTES = 256 << 20
"""Of the files: their face crops and audio take about as much, or less."""


def split_batches(
    names: Iterable[str], most_files: int = BATCH_FILES, most_bytes: int = BATCH_BYTES
) -> Iterator[list[str]]:
    """`names` in order, as many together as the limits allow; a larger file is a batch of its own."""
    batch: list[str] = []
    size = 0
    for name in names:
        more = get_size(name)
        if batch and (len(batch) == most_files or size + more > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += more
    if batch:
        yield batch


def get_size(name: str) -> int:
    """0 for a file that is not there."""
    try:
        return Path(name).stat().st_size
    except OSError:
        return 0
