"""Audio-visual encoders in a profile: two sides, their names, their stores and what other commands make of them."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import SIDE

from unmask.cache.dry_run import estimate
from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.families.audio_visual import ClipEncoder
from unmask.cache.profile_choice import replace_weights
from unmask.cache.stage import extract, open_tokens
from unmask.cache.weights.completeness import list_checked_weights
from unmask.core.errors import UsageError
from unmask.evaluation.probe.features import list_networks
from unmask.preprocess.profiles import EncoderChoice, Profile, offline
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

CPU = torch.device("cpu")
TENSORS = "model.safetensors"


@pytest.fixture(scope="module")
def folder(models: dict[str, Path]) -> Path:
    return models["pe_audio_video"]


def make(name: str, side: str) -> Any:
    return make_encoder(EncoderChoice(name=name, side=side), CPU)


def test_it_stands_in_a_profile_as_two_encoders(folder: Path):
    profile = offline().changed({"encoders": ["lfcc", "av:facebook/pe-av-large", f"random:av:{folder}"]})
    names = [f"{name}-{side}" for name in ("av-pe-av-large", "random-av-pe_audio_video") for side in ("image", "audio")]
    assert [choice.alias_or_name for choice in profile.encoders[1:]] == names
    assert {choice.projection for choice in profile.encoders} == {"orthogonal-seed0"}
    assert profile.preprocess.mouth_fps == 0
    assert Profile.model_validate(json.loads(profile.model_dump_json())) == profile
    given = replace_weights(profile, {"av:facebook/pe-av-large": folder})
    assert [choice.weights for choice in given.encoders] == [None, str(folder), str(folder), None, None]
    layers = offline().changed({"encoders": [{"name": f"av:{folder}", "layer": [1, 3], "layers": "apart"}]})
    assert [choice.alias for choice in layers.encoders][:2] == [
        "av-pe_audio_video-l1-image",
        "av-pe_audio_video-l1-audio",
    ]
    assert {choice.network_name for choice in layers.encoders} == {"av-pe_audio_video"}
    with pytest.raises(UsageError, match="image or audio is not said"):
        make_encoder(EncoderChoice(name=f"av:{folder}"), CPU)


def test_doctor_lists_both_sides(folder: Path, tmp_path: Path):
    copy = copytree(folder, tmp_path / "model")
    choices = offline().changed({"encoders": [f"av:{folder}", {"name": f"av:{copy}", "as": "cut"}]}).encoders
    whole = load_file(copy / TENSORS)
    save_file({name: values for name, values in whole.items() if "video_encoder.norm" not in name}, copy / TENSORS)
    lines = {line.encoder: line.state for line in list_checked_weights(choices) if "profile" in line.encoder}
    assert lines == {
        "av-pe_audio_video-image of the profile": "found",
        "av-pe_audio_video-audio of the profile": "found",
        "cut-image of the profile": "incomplete",
        "cut-audio of the profile": "found",
    }


def test_shuffled_weights_give_other_tokens(folder: Path):
    random = torch.Generator().manual_seed(6)
    faces = torch.randint(0, 256, (1, 4, SIDE, SIDE, 3), dtype=torch.uint8, generator=random)
    for side, batch in {"image": faces, "audio": torch.rand(1, 8_000, generator=random) - 0.5}.items():
        ours, shuffled = make(f"av:{folder}", side), make(f"random:av:{folder}", side)
        assert shuffled.spec.weights_hash != ours.spec.weights_hash
        assert (shuffled.encode(batch) - ours.encode(batch)).abs().max() > 1e-2


def test_a_dry_run_counts_the_tokens_of_both_sides(media: Any, folder: Path):
    media.profile = media.profile.changed({"encoders": [{"name": f"av:{folder}", "as": "av"}]})
    media.add("video-1", "audio-2", "image-3")
    found = estimate(media.manifest, media.profile, media.work, device=CPU)
    assert {one.name: one.tokens for one in found.streams} == {"av-image": 9, "av-audio": 18}
    assert all(one.seconds > 0 for one in found.streams)


def test_the_probe_leaves_the_side_of_whole_clips_out(folder: Path):
    profile = offline().changed({"encoders": [f"av:{folder}"]})
    assert [choice.side for choice, _ in list_networks(profile, CPU)] == ["audio"]


def test_a_media_file_has_the_tokens_of_its_sides(media: Any, folder: Path):
    changes = {"encoders": [{"name": f"av:{folder}", "projection": "native", "as": "av"}], "views": {"count": 1}}
    media.profile = media.profile.changed(changes)
    media.add("video-1", "audio-2", "image-3")
    media.add("image-4")
    reports = extract(media.manifest, media.profile, media.work, device=CPU)
    assert [report.failed for report in reports] == [{}] * 4, "two sides, each with its clean clips and a view"
    stores = open_tokens(media.work, media.manifest).stores
    image, sound = stores["av-image"], stores["av-audio"]
    assert (image.spec.modality, image.spec.width, sound.spec.modality, sound.spec.width) == ("image", 32, "audio", 32)
    number = {row.media_id: row.path for row in media.rows}
    lengths = {
        name: (int(f), int(a))
        for (key, _), f, a in zip(image.keys, image.lengths, sound.lengths, strict=True)
        for name in [number[key]]
    }
    assert lengths == {"video-1": (4, 5), "audio-2": (0, 3), "image-3": (1, 0), "image-4": (1, 0)}
    encoder = make(f"av:{folder}", "image")
    assert isinstance(encoder, ClipEncoder)
    paths = find_shards(get_media_folder(media.work, media.profile.preprocess), media.manifest)
    shard = next(one for one in map(MediaShard, paths) if len(one) > 1)
    for clip, key in enumerate(shard.clip_keys):
        start, end = shard.face_offsets[clip : clip + 2].tolist()
        (row,) = (row for row, known in enumerate(image.keys) if known == key)
        tokens, times, _ = image.gather(np.array([row]))
        assert np.array_equal(times, shard.array("face_times")[start:end])
        if end > start:
            expected = encoder.encode(torch.from_numpy(shard.array("faces")[start:end])[None])[0]
            torch.testing.assert_close(torch.as_tensor(np.array(tokens)).float(), expected, rtol=1e-2, atol=1e-2)
