"""From an encoder's own width to the 512 of every stored token.

`orthogonal-seed<n>`  a fixed random matrix: nothing is fitted, so nothing leaks. For narrower encoders it is lossless:
                      its rows are orthonormal, so lengths and inner products are preserved. For wider ones distances
                      are preserved approximately (Johnson and Lindenstrauss 1984).
`pca`                 the 512 directions of largest variance of the train split's tokens (Pearson 1901), after
                      subtracting their mean. The fitted matrix is a file, and its hash is in the spec: `pca-<hash>`.
`native`              no projection: tokens keep the encoder's width.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import TOKEN_WIDTH
from unmask.core.errors import MissingInput, UsageError, raise_read_failure
from unmask.core.files.sealed_arrays import read_arrays, write_arrays
from unmask.core.openmp import use_one_thread

ORTHOGONAL = "orthogonal-seed"
PCA = "pca"
NATIVE = "native"
FITTED = f"{PCA}-"
FOLDER = "projections"
"""Subfolder of tokens/ with the fitted matrices, one `pca-<hash>.npz` each."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Maps tokens x to (x - mean) @ matrix."""

    mean: NDArray[np.float32]
    """(D,)"""
    matrix: NDArray[np.float32]
    """(D, 512)"""

    def __repr__(self) -> str:
        return f"Projection({self.matrix.shape[0]} -> {self.matrix.shape[1]})"

    def of(self, tokens: NDArray[np.float16]) -> NDArray[np.float16]:
        """Project (T, D) to (T, 512)."""
        centred = tokens.astype(np.float32) - self.mean
        return (centred @ self.matrix).astype(np.float16)

    def write(self, path: Path) -> None:
        write_arrays(path, {"mean": self.mean, "matrix": self.matrix})

    @classmethod
    def read(cls, path: Path) -> Self:
        """`MissingInput` when the file does not exist, or is damaged."""
        try:
            arrays = read_arrays(path)
            return cls(arrays["mean"], arrays["matrix"])
        except (OSError, ValueError, KeyError) as error:
            raise_read_failure(error)
            problem = f"{path}: the fitted projection of these tokens is missing or damaged"
            raise MissingInput(problem, "run `unmask extract` with the profile that fits it") from error


def keep_fitted(store: Path, name: str, folder: Path) -> None:
    """Copy the fitted projection of the token store `store`, if it has one, to `folder`, for use with new media."""
    if name.startswith(FITTED):
        Projection.read(store.parent / FOLDER / f"{name}.npz").write(folder / f"{name}.npz")


def copy_fitted(kept: Path, tokens: Path) -> None:
    """Copy the fitted projections in the folder `kept` of a run (`keep_fitted`), if any, to the token stores."""
    if (kept / FOLDER).is_dir():
        shutil.copytree(kept / FOLDER, tokens / FOLDER, dirs_exist_ok=True)


def projection(width: int, name: str, fitted: Path | None = None) -> Projection | None:
    """The projection `name` for tokens of `width`; None for `native`. `fitted`: the folder of fitted ones.

    `UsageError` for an unknown name, `MissingInput` for a fitted one that does not exist.
    """
    if name == NATIVE:
        return None
    if name.startswith(FITTED) and fitted is not None:
        return Projection.read(fitted / f"{name}.npz")
    seed = name.removeprefix(ORTHOGONAL)
    if seed == name or not seed.isdecimal():
        raise UsageError(f"no projection {name!r}", f"{ORTHOGONAL}0 (or another number), {PCA}, {NATIVE}")
    return Projection(np.zeros(width, np.float32), _make_orthogonal(width, int(seed)))


@lru_cache(maxsize=32)
def _make_orthogonal(width: int, seed: int) -> NDArray[np.float32]:
    if width == TOKEN_WIDTH:
        return np.eye(width, dtype=np.float32)
    long, short = max(width, TOKEN_WIDTH), min(width, TOKEN_WIDTH)
    # NumPy's generator, not torch's: the same numbers on every machine and device.
    gauss = np.random.Generator(np.random.PCG64([seed, width])).standard_normal((long, short))
    with use_one_thread():
        columns, triangle = np.linalg.qr(gauss)
    # QR does not determine the sign of a column, and libraries differ: make the diagonal positive.
    columns = columns * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return np.ascontiguousarray(columns if width > TOKEN_WIDTH else columns.T, np.float32)
