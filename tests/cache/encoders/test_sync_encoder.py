"""The sync encoder in a profile: its two sides, its weights, its tokens and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unmask.cache.encode_shard import select_frames
from unmask.cache.encoders import make_encoder
from unmask.cache.profile_choice import replace_weights
from unmask.cache.stage import extract, open_tokens
from unmask.cache.sync.networks import CONFIG, LogMel, SyncNetworks
from unmask.cache.weights.checkpoint import write_weights
from unmask.core.errors import MissingInput, UsageError
from unmask.preprocess.profiles import EncoderChoice, Profile, offline
from unmask.preprocess.shards.media_item import MOUTH_SIDE, MediaItem

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sync")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        networks = SyncNetworks(8)
    write_weights(folder, networks.state_dict(), {CONFIG: {"model_type": "unmask-sync", "version": 1, "width": 8}})
    return folder


def give_mouth(item: MediaItem, fps: int = 25) -> MediaItem:
    random = np.random.default_rng(len(item.media_id))
    clips = []
    for clip in item.clips:
        count = round(len(clip.audio) / 16_000 * fps) if len(clip.faces) else 0
        mouth = random.integers(0, 256, (count, MOUTH_SIDE, MOUTH_SIDE), dtype=np.uint8)
        clips.append(replace(clip, mouth=mouth, mouth_found=np.ones(count, np.bool_)))
    return replace(item, clips=tuple(clips))


def use_sync(media: Any, folder: Path) -> Profile:
    media.profile = media.profile.changed({"encoders": [{"name": "sync", "weights": str(folder)}]})
    return media.profile


def test_it_stands_in_a_profile_as_two_encoders_and_asks_for_mouths():
    profile = offline().changed({"encoders": ["lfcc", "sync"]})
    assert [choice.alias_or_name for choice in profile.encoders] == ["lfcc", "sync-image", "sync-audio"]
    assert [choice.projection for choice in profile.encoders[1:]] == ["native", "native"]
    assert profile.preprocess.mouth_fps == 25
    assert Profile.model_validate(json.loads(profile.model_dump_json())) == profile
    faster = offline().changed({"encoders": ["sync"], "preprocess": {"mouth_fps": 30}})
    assert faster.preprocess.mouth_fps == 30
    alone = offline().changed({"encoders": [{"name": "sync", "side": "audio"}]})
    assert [choice.alias_or_name for choice in alone.encoders] == ["sync"]
    assert alone.preprocess.mouth_fps == 0, "only the mouth's side reads mouths"
    with pytest.raises(UsageError, match="lfcc: has no side image"):
        offline().changed({"encoders": [{"name": "lfcc", "side": "image"}]})


def test_shuffled_it_has_two_sides_too():
    profile = offline().changed({"encoders": ["random:sync"]})
    assert [choice.alias_or_name for choice in profile.encoders] == ["random-sync-image", "random-sync-audio"]
    assert {choice.projection for choice in profile.encoders} == {"native"}
    assert profile.preprocess.mouth_fps == 25


def test_profiles_without_it_keep_their_fingerprint():
    assert '"side"' not in offline().model_dump_json()


def test_its_weights_are_given_to_both_sides_and_add_it_to_a_profile(weights: Path):
    added = replace_weights(offline(), {"sync": weights})
    assert [choice.alias_or_name for choice in added.encoders[-2:]] == ["sync-image", "sync-audio"]
    assert {choice.weights for choice in added.encoders[-2:]} == {str(weights)}
    assert added.preprocess.mouth_fps == 25
    again = replace_weights(added, {"sync": "default"})
    assert {choice.weights for choice in again.encoders[-2:]} == {None}


def test_tokens_of_both_sides_lie_on_one_clock(media: Any, weights: Path):
    profile = use_sync(media, weights)
    media.add("video-1", "audio-2", "image-3", change=give_mouth)
    reports = extract(media.manifest, profile, media.work, device=CPU)
    assert [report.failed for report in reports] == [{}, {}]
    stores = open_tokens(media.work, media.manifest).stores
    image, audio = stores["sync-image"], stores["sync-audio"]
    assert (image.spec.modality, audio.spec.modality) == ("image", "audio")
    assert image.spec.width == audio.spec.width == 8
    mine = [key[0] == media.rows[0].media_id for key in image.keys]
    assert image.lengths[mine].tolist() == audio.lengths[mine].tolist() == [25, 25]
    (_, at_image, _), (_, at_audio, _) = (store.gather(np.flatnonzero(mine)) for store in (image, audio))
    assert np.array_equal(at_image, at_audio)
    assert at_image[:2].tolist() == pytest.approx([0.02, 0.06])
    sound = [key[0] == media.rows[1].media_id for key in image.keys]
    assert image.lengths[sound].sum() == 0
    assert audio.lengths[sound].tolist() == [25, 14]


def test_the_tokens_are_those_of_the_networks(weights: Path):
    image, audio = (
        make_encoder(EncoderChoice(name="sync", weights=str(weights), side=side, projection="native"), CPU)
        for side in ("image", "audio")
    )
    networks = SyncNetworks(8)
    from safetensors.torch import load_file

    networks.load_state_dict(load_file(weights / "model.safetensors"))
    networks.eval()
    mouth = torch.randint(0, 256, (2, 30, MOUTH_SIDE, MOUTH_SIDE), dtype=torch.uint8)
    wave = torch.randn(2, 30 * 640) / 10
    with torch.no_grad():
        assert torch.equal(image.encode(mouth), networks.mouth(mouth))
        assert torch.equal(audio.encode(wave), networks.audio(LogMel()(wave)))
    assert image.encode(mouth).shape == audio.encode(wave).shape == (2, 30, 8)
    assert torch.allclose(image.encode(mouth)[:1], image.encode(mouth[:1]), atol=1e-5), "alone as in a batch"


def test_mouths_of_another_rate_are_taken_by_time(media: Any, weights: Path):
    assert select_frames(50, 50.0).tolist() == list(range(0, 50, 2))
    assert select_frames(30, 30.0).tolist()[:6] == [0, 1, 2, 3, 4, 6]
    assert len(select_frames(12, 12.5)) == 24
    settings = {"preprocess": {"mouth_fps": 50}, "encoders": [{"name": "sync", "weights": str(weights)}]}
    media.profile = media.profile.changed(settings)
    media.add("video-1", change=lambda item: give_mouth(item, 50))
    extract(media.manifest, media.profile, media.work, device=CPU)
    assert open_tokens(media.work, media.manifest).stores["sync-image"].lengths.tolist() == [25, 25]


def test_without_weights_the_command_that_makes_them_is_named():
    with pytest.raises(MissingInput, match="not on this machine") as raised:
        make_encoder(EncoderChoice(name="sync", side="image"), CPU)
    assert raised.value.hint == "unmask adapt sync, then unmask extract --weights sync=FOLDER"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"model_type": "wav2vec2"}, "wav2vec2 version 1, expected unmask-sync version 1"),
        ({"version": 2}, "unmask-sync version 2"),
        ({"width": "wide"}, "not the configuration of a sync encoder"),
        ({"width": 16}, "not the weights of a sync encoder"),
    ],
)
def test_other_weights_are_refused(weights: Path, tmp_path: Path, change: dict[str, Any], expected: str):
    config = json.loads((weights / CONFIG).read_text()) | change
    (tmp_path / CONFIG).write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes((weights / "model.safetensors").read_bytes())
    with pytest.raises(MissingInput, match=expected):
        made: Any = make_encoder(EncoderChoice(name="sync", weights=str(tmp_path), side="image"), CPU)
        made.encode(torch.zeros(1, 25, MOUTH_SIDE, MOUTH_SIDE, dtype=torch.uint8))
