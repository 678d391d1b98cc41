"""Batches that do not fit in memory, and tokens that do not fit in float16."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from unmask.cache import extraction_plan as work
from unmask.cache.encode_shard import encode_shard
from unmask.cache.encoder_runner import Runner
from unmask.cache.encoders import make_encoder
from unmask.cache.projections.projection import projection
from unmask.cache.shard_media import ShardMedia
from unmask.cache.stage import extract, open_tokens
from unmask.core.stage_report import StageReport
from unmask.preprocess.profiles import EncoderChoice, Profile
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import get_media_folder

CPU = torch.device("cpu")


def run(media: Any, profile: Profile) -> StageReport:
    (report,) = extract(media.manifest, profile, media.work, device=CPU)
    report.check(1.0)
    return report


class Fragile:
    """A real encoder that cannot do more than `limit` at once, and whose tokens for white faces overflow."""

    def __init__(self, limit: int = 1000) -> None:
        self._inner = make_encoder(EncoderChoice(name="tiny_image"), CPU)
        self.spec, self.limit, self.batches = self._inner.spec, limit, []

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        if len(batch) > self.limit:
            raise torch.OutOfMemoryError("as a GPU says it")
        self.batches.append(len(batch))
        tokens = self._inner.encode(batch).clone()
        tokens[batch.flatten(1).float().mean(dim=1) == 255] *= 1e9
        return tokens


def shard_media(media: Any) -> ShardMedia:
    (path,) = get_media_folder(media.work, media.profile.preprocess).glob("shard-*")
    return ShardMedia.read(MediaShard(path), {"image"}, {})


def runner_of(encoder: Fragile) -> Runner:
    return Runner.of(encoder, CPU, 16, projection(encoder.spec.native_dim, encoder.spec.projection))


def test_out_of_memory_halves_the_batch_and_goes_on(media):
    media.add("video-1", "video-3")
    fragile = Fragile(limit=3)
    (made,) = encode_shard(shard_media(media), runner_of(fragile))
    assert fragile.batches == [2] * 8
    (whole,) = encode_shard(shard_media(media), runner_of(Fragile()))
    np.testing.assert_allclose(made.tokens, whole.tokens, rtol=2e-3, atol=2e-3)


def test_one_input_that_does_not_fit_stops_the_run(media):
    media.add("image-1")
    with pytest.raises(torch.OutOfMemoryError):
        encode_shard(shard_media(media), runner_of(Fragile(limit=0)))


def test_a_clip_beyond_float16_is_refused_by_name_and_stays_refused(media, monkeypatch):
    def white(item: Any) -> Any:
        if item.media_id != media.rows[1].media_id:
            return item
        return replace(item, clips=tuple(replace(clip, faces=np.full_like(clip.faces, 255)) for clip in item.clips))

    media.add("image-1", "image-2", "image-4", change=white)
    monkeypatch.setattr(work, "make_encoder", lambda choice, device: Fragile())
    profile = media.profile.model_copy(update={"encoders": (EncoderChoice(name="tiny_image"),)})
    first, second = run(media, profile), run(media, profile)
    assert (first.done, first.skipped, second.done, second.skipped) == (2, 0, 0, 2)
    assert first.failed == second.failed
    assert list(first.failed) == [f"{media.rows[1].media_id}/0"]
    store = open_tokens(media.work, media.manifest, profile).stores["tiny_image"]
    assert store.lengths.tolist() == [1, 0, 1]
