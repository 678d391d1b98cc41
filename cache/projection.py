"""From an encoder's own width to the 512 of every stored token, by a fixed random matrix: nothing is fitted or leaked.

Narrower encoders lose nothing: the matrix has orthonormal rows, so lengths and inner products stay as they are. Wider
ones keep distances approximately (Johnson and Lindenstrauss 1984): orthonormal columns, a random 512-dimensional view.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cache.spec import TOKEN_WIDTH
from core.errors import UsageError

ORTHOGONAL = "orthogonal-seed"


def projection(width: int, name: str = f"{ORTHOGONAL}0") -> NDArray[np.float32]:
    """(width, 512) float32 named "orthogonal-seed<n>"; the identity where the encoder is 512 wide already."""
    seed = name.removeprefix(ORTHOGONAL)
    if seed == name or not seed.isdecimal():
        raise UsageError(f"no projection {name!r}", f"{ORTHOGONAL}0, or another number")
    return _orthogonal(width, int(seed))


@lru_cache(maxsize=32)
def _orthogonal(width: int, seed: int) -> NDArray[np.float32]:
    if width == TOKEN_WIDTH:
        return np.eye(width, dtype=np.float32)
    long, short = max(width, TOKEN_WIDTH), min(width, TOKEN_WIDTH)
    # NumPy's generator, not torch's: the same numbers on every machine and device.
    gauss = np.random.Generator(np.random.PCG64([seed, width])).standard_normal((long, short))
    columns, triangle = np.linalg.qr(gauss)
    # QR leaves the sign of each column open, and libraries choose differently: make the diagonal positive.
    columns = columns * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return np.ascontiguousarray(columns if width > TOKEN_WIDTH else columns.T, np.float32)
