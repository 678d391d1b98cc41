"""Augmented tokens are separate stores, and training takes each clip from one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from unmask.cache.stage import extract, open_tokens
from unmask.cache.store.profile_index import ProfileTokens
from unmask.preprocess.profiles import AugmentationSettings, Profile
from unmask.train.data.token_data import TokenData

CPU = torch.device("cpu")
NAMES = ("tiny_image", "tiny_audio", "tiny_text")


@pytest.fixture
def viewed(media) -> tuple[Any, ProfileTokens]:
    media.add("video-1", "audio-2", "image-3")
    media.rows[:] = [replace(row, split="train", split_scheme="a") for row in media.rows]
    profile: Profile = media.profile.model_copy(update={"views": AugmentationSettings(count=2)})
    for report in extract(media.manifest, profile, media.work, device=CPU):
        report.check(0.0)
    return media, open_tokens(media.work, media.manifest, profile)


def test_images_and_audio_are_augmented_and_texts_are_not(viewed):
    _, streams = viewed
    assert {name: len(stores) for name, stores in streams.views.items()} == {"tiny_image": 2, "tiny_audio": 2}
    for name, stores in streams.views.items():
        clean, first, second = (store.load()[0].astype(np.float32) for store in (streams.stores[name], *stores))
        assert clean.shape == first.shape == second.shape
        assert min(np.abs(clean - first).max(), np.abs(first - second).max()) > 0.01


@pytest.mark.parametrize("held", [True, False])
def test_a_batch_holds_each_clip_in_its_augmented_version(viewed, held):
    media, streams = viewed
    data = TokenData.load(media.manifest, streams)
    data = data.move_to(CPU) if held else data
    clips, seen = np.arange(len(data.clips)), np.arange(len(data.clips)) % 3
    batch = data.batch(clips, NAMES, device=CPU, views=seen)
    for name in NAMES:
        stores = [streams.stores[name], *streams.views.get(name, [])]
        expected = []
        for clip, view in zip(clips.tolist(), seen.tolist(), strict=True):
            store = stores[view] if len(stores) > 1 else stores[0]
            key = (str(data.clips.media_id[clip]), int(data.clips.clip[clip]))
            expected.append(store.gather(np.array([store.index[key]]))[0])
        np.testing.assert_array_equal(batch.streams[name].tokens.numpy(), np.concatenate(expected))


def test_without_being_asked_a_batch_is_clean(viewed):
    media, streams = viewed
    data = TokenData.load(media.manifest, streams).move_to(CPU)
    clips = np.arange(len(data.clips))
    one = data.batch(clips, NAMES, device=CPU)
    two = data.batch(clips, NAMES, device=CPU, views=np.zeros(len(clips), np.int64))
    for name in NAMES:
        torch.testing.assert_close(one.streams[name].tokens, two.streams[name].tokens)


def test_runs_with_and_without_augmentation_are_different_runs(viewed):
    media, streams = viewed
    with_views, without = (
        TokenData.load(media.manifest, streams),
        TokenData.load(media.manifest, replace(streams, views={})),
    )
    assert with_views.views(NAMES) == 2
    assert with_views.fingerprint(NAMES) != without.fingerprint(NAMES)
