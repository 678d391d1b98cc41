"""A seeded order of names that is the same on every machine and with every library version."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def seeded_order(names: Sequence[str], seed: int | str) -> NDArray[np.int64]:
    """(N,) positions of `names` in an order that only the names and the seed decide, not where they stand."""
    prefix = hashlib.blake2b(f"{seed}\0".encode(), digest_size=16)

    def rank(position: int) -> bytes:
        digest = prefix.copy()
        digest.update(names[position].encode("utf-8", "surrogatepass"))
        return digest.digest()

    return np.array(sorted(range(len(names)), key=rank), np.int64)
