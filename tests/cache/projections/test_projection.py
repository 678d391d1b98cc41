from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.cache.projections.projection import projection as projection_named
from unmask.core.errors import UsageError


def projection(width: int, name: str = "orthogonal-seed0") -> np.ndarray:
    made = projection_named(width, name)
    assert made is not None
    assert not made.mean.any()
    return made.matrix


@given(st.integers(1, 512), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_narrow_encoders_lose_nothing(width: int, seed: int):
    vectors = np.random.default_rng(seed).normal(size=(5, width)).astype(np.float32)
    placed = vectors @ projection(width)
    np.testing.assert_allclose(placed @ placed.T, vectors @ vectors.T, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("width", [768, 1024, 1280, 2048])
def test_wide_encoders_are_seen_through_orthonormal_columns(width: int):
    columns = projection(width)
    assert columns.shape == (width, 512)
    np.testing.assert_allclose(columns.T @ columns, np.eye(512), atol=1e-5)


@pytest.mark.parametrize("width", [768, 1280, 2048])
def test_distances_between_wide_tokens_are_kept_approximately(width: int):
    vectors = np.random.default_rng(0).normal(size=(40, width))
    placed = vectors @ projection(width)
    ratio = [
        np.linalg.norm(placed[i] - placed[j]) / np.linalg.norm(vectors[i] - vectors[j])
        for i in range(40)
        for j in range(i)
    ]
    assert np.std(ratio) / np.mean(ratio) < 0.04
    assert np.mean(ratio) == pytest.approx(np.sqrt(512 / width), rel=0.02)


def test_512_wide_tokens_stay_as_they_are():
    np.testing.assert_array_equal(projection(512), np.eye(512))


def test_the_matrix_is_the_same_on_every_machine():
    # Written down once: a library that draws or factorises differently would silently change every token.
    np.testing.assert_allclose(projection(384)[0, :3], GOLDEN_384, atol=1e-6)
    np.testing.assert_allclose(projection(1280)[0, :3], GOLDEN_1280, atol=1e-6)


GOLDEN_384 = [-0.0306041, -0.0531668, -0.0106713]
GOLDEN_1280 = [-0.0428313, 0.0232863, 0.0066171]


def test_another_seed_is_another_matrix():
    assert np.abs(projection(384, "orthogonal-seed1") - projection(384)).max() > 0.05


@pytest.mark.parametrize("name", ["pca", "orthogonal-seed", "orthogonal-seedx", ""])
def test_an_unknown_projection_is_refused(name: str):
    with pytest.raises(UsageError, match="no projection"):
        projection(384, name)
