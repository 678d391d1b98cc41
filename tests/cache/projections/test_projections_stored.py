"""Stored tokens under each projection: at the encoder's own width, or through components of the train split alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from unmask.cache.projections.pca import fit_pca, list_train_items
from unmask.cache.projections.projection import FOLDER, Projection, projection
from unmask.cache.stage import extract, open_tokens
from unmask.cache.store.token_store import TokenStore
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice, Profile

CPU = torch.device("cpu")


@pytest.fixture
def split(media) -> Any:
    """Three films to train on, one to test, over two shards."""
    media.add("video-1", "video-2")
    media.add("video-3", "video-4")
    parts = ("train", "train", "test", "train")
    media.rows[:] = [replace(row, split=part, split_scheme="a") for row, part in zip(media.rows, parts, strict=True)]
    return media


def stored(media: Any, name: str, encoder: str = "tiny_image", views: int = 0) -> TokenStore:
    profile: Profile = media.profile.model_copy(
        update={
            "encoders": (EncoderChoice(name=encoder, projection=name),),
            "views": media.profile.views.model_copy(update={"count": views}),
        }
    )
    for report in extract(media.manifest, profile, media.work, device=CPU):
        report.check(0.0)
    return open_tokens(media.work, media.manifest, profile).stores[encoder]


def test_native_tokens_have_the_encoders_own_width(split):
    native, placed = stored(split, "native"), stored(split, "orthogonal-seed0")
    assert (native.spec.width, placed.spec.width) == (native.spec.native_dim, 512) == (64, 512)
    whole, _, _ = native.load()
    matrix = projection(64, "orthogonal-seed0").matrix
    np.testing.assert_allclose(placed.load()[0], whole.astype(np.float32) @ matrix, atol=5e-3)


def test_components_are_fitted_on_the_train_split_alone(split):
    pca, native = stored(split, "pca"), stored(split, "native")
    train = [number for number, (media_id, _) in enumerate(native.keys) if media_id in list_train_items(split.manifest)]
    tokens = native.gather(np.array(train))[0].astype(np.float64)
    centred = tokens - tokens.mean(axis=0)
    variances = np.linalg.eigvalsh(centred.T @ centred / len(centred))[::-1]
    seen = pca.gather(np.array(train))[0].astype(np.float64)
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=2e-3)
    np.testing.assert_allclose(seen.var(axis=0)[:10], variances[:10], rtol=0.02)
    assert (np.abs(seen[:, 64:]) == 0).all(), "a narrower encoder has no more components than numbers"


def test_the_matrix_does_not_know_the_test_item(split):
    native = stored(split, "native")
    one = fit_pca(native, list_train_items(split.manifest))
    two = fit_pca(native, [row.media_id for row in split.rows])
    assert np.abs(one.matrix - two.matrix).max() > 1e-3


def test_a_fitted_projection_is_the_same_for_a_new_encoding(split):
    """As `predict` needs it: the encoder runs, and the stored matrix is applied at once."""
    pca = stored(split, "pca")
    again = stored(split, pca.spec.projection)
    assert again.folder == pca.folder, "the same tokens have the same key"
    for path in pca.folder.glob("shard-*"):
        shutil.rmtree(path)
    np.testing.assert_allclose(stored(split, pca.spec.projection).load()[0], pca_tokens(split), atol=2e-3)


def pca_tokens(split: Any) -> np.ndarray:
    native = stored(split, "native")
    return fit_pca(native, list_train_items(split.manifest)).of(native.load()[0])


def test_a_fitted_projection_that_is_not_there_is_reported(split):
    with pytest.raises(MissingInput, match="fitted projection"):
        stored(split, "pca-0123456789abcdef")


def test_without_a_train_split_there_is_nothing_to_fit(media):
    media.add("image-1")
    with pytest.raises(MissingInput, match="too few for principal components"):
        stored(media, "pca")


def test_views_go_through_the_components_of_the_clean_clips(split):
    stored(split, "pca", views=1)
    assert len(list((split.work.tokens / FOLDER).iterdir())) == 1


def test_a_matrix_read_back_is_the_one_written(tmp_path):
    made = Projection(np.arange(3, dtype=np.float32), np.ones((3, 512), np.float32))
    made.write(tmp_path / "pca.npz")
    read = Projection.read(tmp_path / "pca.npz")
    np.testing.assert_array_equal(read.mean, made.mean)
    np.testing.assert_array_equal(read.matrix, made.matrix)
