"""A seeded order of names that is the same on every machine and with every library version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Names held as Python strings at a time.
AT_ONCE = 65_536


def order_by_seed(names: Sequence[str] | Any, seed: int | str) -> NDArray[np.int64]:
    """(N,) positions of `names` in an order that depends on names and seed only, not on their positions.

    `names`: a sequence of strings, or a pyarrow array of them.
    """
    prefix = hashlib.blake2b(f"{seed}\0".encode(), digest_size=16)
    parts = [_hash_names(prefix, names[start : start + AT_ONCE]) for start in range(0, len(names), AT_ONCE)]
    ranks = np.frombuffer(b"".join(parts), ">u8").reshape(-1, 2)
    return np.lexsort((ranks[:, 1], ranks[:, 0]))


def _hash_names(prefix: Any, names: Any) -> bytes:
    listed: Iterable[str] = names if isinstance(names, list | tuple) else names.to_pylist()
    digests = []
    for name in listed:
        digest = prefix.copy()
        digest.update(name.encode("utf-8", "surrogatepass"))
        digests.append(digest.digest())
    return b"".join(digests)
