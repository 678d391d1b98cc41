"""Principal components of an encoder's tokens, fitted on the train split only.

T tokens of all train clips, D the encoder's own width
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from unmask.cache.projections.projection import FITTED, Projection
from unmask.cache.spec import TOKEN_WIDTH
from unmask.cache.store.token_store import TokenStore
from unmask.core.errors import MissingInput
from unmask.core.hashing import fingerprint
from unmask.manifests.manifest import Manifest

VERSION = 1
# Clips in memory at once.
BLOCK = 4096
# Relative to the largest variance: float16 has three digits, and variances are squares.
NOISE = 1e-6


def list_train_items(manifest: Manifest) -> list[str]:
    """Media ids of the train split, sorted."""
    columns = (manifest.table.column(name).to_pylist() for name in ("media_id", "split", "status"))
    return sorted(
        media_id for media_id, split, status in zip(*columns, strict=True) if (split, status) == ("train", "ok")
    )


def name_pca(native_fingerprint: str, items: list[str]) -> str:
    """`pca-<hash>`: the same train items, encoder and media give the same matrix."""
    return FITTED + fingerprint("pca", VERSION, native_fingerprint, items)


def fit_pca(native: TokenStore, items: Iterable[str]) -> Projection:
    """Fit the mean and the first 512 components to the tokens of `items`, all weighted equally.

    `MissingInput` when there are fewer than two tokens.
    """
    wanted = set(items)
    clips = np.array([number for number, (media_id, _) in enumerate(native.keys) if media_id in wanted], np.int64)
    count, total, products = 0, np.zeros(native.spec.width), np.zeros((native.spec.width,) * 2)
    for start in range(0, len(clips), BLOCK):
        tokens = native.gather(clips[start : start + BLOCK])[0].astype(np.float64)
        count += len(tokens)
        total += tokens.sum(axis=0)
        products += tokens.T @ tokens
    if count < 2:
        problem = f"{native.folder}: {count} tokens in the train split, too few for principal components"
        raise MissingInput(problem, "split the manifest, or choose projection orthogonal-seed0")
    mean = total / count
    return Projection(mean.astype(np.float32), _compute_components(products / count - np.outer(mean, mean)))


def _compute_components(covariance: NDArray[np.float64]) -> NDArray[np.float32]:
    """(D, 512), largest variance first; padded with zeros for a narrower encoder or few tokens."""
    variances, vectors = np.linalg.eigh(covariance)
    # Leave out directions in which the train tokens differ only by rounding.
    known = variances[::-1] > NOISE * variances[-1]
    chosen = (vectors[:, ::-1] * known)[:, :TOKEN_WIDTH]
    # The sign of an eigenvector is arbitrary: make its largest entry positive.
    largest = np.abs(chosen).argmax(axis=0)
    chosen = chosen * np.sign(chosen[largest, np.arange(chosen.shape[1])])
    return np.pad(chosen, ((0, 0), (0, TOKEN_WIDTH - chosen.shape[1]))).astype(np.float32)
