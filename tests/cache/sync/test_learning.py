"""What is learned, from which clips, and that a stopped call ends like an undisturbed one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unmask.cache.sync import learning
from unmask.cache.sync.learning import SyncLearning, compute_loss, measure_shift_auc
from unmask.cache.sync.networks import FRAMES_PER_TOKEN, MOUTH_PIXELS, LogMel, SyncNetworks
from unmask.cache.sync.settings import SyncSettings
from unmask.cache.sync.stage import learn_sync
from unmask.cache.sync.windows import SyncClips, teaches_sync
from unmask.core.errors import MissingInput, UsageError
from unmask.manifests.manifest import Manifest, from_rows
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

CPU = torch.device("cpu")
QUICK = SyncSettings(steps=10, batch_size=4, seconds=1.0, width=8)
Talking = Callable[..., Manifest]


def read(media: Any, manifest: Manifest, split: str = "train", settings: SyncSettings = QUICK) -> SyncClips:
    shards = find_shards(get_media_folder(media.work, media.profile.preprocess), manifest)
    return SyncClips.read(manifest, shards, split, settings)


def learn(media: Any, manifest: Manifest, settings: SyncSettings = QUICK, out: Path | None = None) -> Any:
    return learn_sync(manifest, media.profile, media.work, settings, device=CPU, out=out)


def test_it_learns_which_audio_fits_mouths_it_has_not_seen(media: Any, talking: Talking):
    manifest = talking(24)
    settings = SyncSettings(steps=40, batch_size=8, seconds=1.2, width=16, augment=False)
    train, test = read(media, manifest), read(media, manifest, "test")
    before = measure_shift_auc(SyncNetworks(16), test, CPU)
    found = SyncLearning(settings, train, SyncClips([]), device=CPU).run()
    after = measure_shift_auc(found.networks, test, CPU)
    assert before is not None
    assert after is not None
    assert after > max(0.95, before)
    assert [line["auc"] for line in found.epochs] == [None], "there is no validation clip"


def test_only_genuine_videos_with_mouth_and_audio_teach(media: Any, talking: Talking):
    manifest = talking(12, ("train",))
    clips = read(media, manifest)
    genuine = {row.media_id for row in manifest.rows() if not row.label}
    assert set(clips.media_ids) == genuine
    assert len(clips) == 2 * len(genuine) == 20
    assert all(clip.mouth.shape == (75, MOUTH_PIXELS, MOUTH_PIXELS) for clip in clips.clips)
    assert all(len(clip.mel) == 75 * FRAMES_PER_TOKEN for clip in clips.clips)
    few = read(media, manifest, settings=QUICK.changed({"max_clips": 5}))
    assert len(few) == 5
    assert {clip.key for clip in few.clips} < {clip.key for clip in clips.clips}
    with pytest.raises(UsageError, match="no videos of dff"):
        read(media, manifest, settings=QUICK.changed({"datasets": ["dff"]}))


def test_generated_images_teach_only_where_asked_and_never_with_fake_audio(talking: Talking, media: Any):
    row = replace(next(talking(1).rows()), label=1, method="swap", video_fake=True, audio_fake=None)
    assert not teaches_sync(row, generated=False)
    assert teaches_sync(row, generated=True)
    assert not teaches_sync(replace(row, audio_fake=True), generated=True)
    assert not teaches_sync(replace(row, video_fake=None), generated=True)
    assert not teaches_sync(replace(row, label=None, video_fake=None), generated=True)


def test_windows_of_a_step_are_the_same_in_every_call_and_mouth_and_audio_of_one_moment(media: Any, talking: Talking):
    clips = read(media, talking(8, ("train",)))
    plain = QUICK.changed({"augment": False})
    mouths, mels, files = clips.draw(3, plain)
    again = clips.draw(3, plain)
    assert torch.equal(mouths, again[0])
    assert torch.equal(mels, again[1])
    assert not torch.equal(mouths, clips.draw(4, plain)[0])
    assert mouths.shape == (4, 25, MOUTH_PIXELS, MOUTH_PIXELS)
    assert mels.shape == (4, 100, 64)
    for mouth, mel, file in zip(mouths, mels, files.tolist(), strict=True):
        places = [
            (clip, begin)
            for clip in clips.of_file[file]
            for begin in range(len(clip) - 24)
            if np.array_equal(clip.mouth[begin : begin + 25], mouth.numpy())
        ]
        assert any(np.array_equal(clip.mel[4 * begin : 4 * begin + 100], mel.numpy()) for clip, begin in places)
    assert not torch.equal(clips.draw(3, QUICK)[0], mouths), "augmented"


def test_a_stopped_call_ends_like_an_undisturbed_one(
    media: Any, talking: Talking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(learning, "BLOCK", 4)
    manifest, whole, stopped = talking(8), tmp_path / "whole", tmp_path / "stopped"
    learn(media, manifest, out=whole)
    run_block = SyncLearning._run_block
    monkeypatch.setattr(SyncLearning, "_run_block", lambda *given: _stop() if given[1] == 8 else run_block(*given))
    with pytest.raises(KeyboardInterrupt):
        learn(media, manifest, out=stopped)
    assert not (stopped / "model.safetensors").exists()
    monkeypatch.setattr(SyncLearning, "_run_block", run_block)
    _, record = learn(media, manifest, out=stopped)
    assert (stopped / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert [line["steps"] for line in record.epochs] == [4, 8, 10]
    assert not (stopped / "unfinished.pth").exists()


def _stop() -> None:
    raise KeyboardInterrupt


def test_finished_weights_are_reused_and_other_settings_have_a_folder_of_their_own(media: Any, talking: Talking):
    manifest = talking(8)
    folder, record = learn(media, manifest)
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert learn(media, manifest) == (folder, record)
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    other, _ = learn(media, manifest, QUICK.changed({"seed": 1}))
    assert other != folder
    with pytest.raises(UsageError, match="adapted with other settings"):
        learn(media, manifest, QUICK.changed({"seed": 2}), out=folder)
    assert record.items == {"train": 3, "val": 2}
    assert record.seen["train"]
    assert record.split_hash == manifest.split_hash


def test_what_it_needs_is_said(media: Any, talking: Talking):
    manifest = talking(4)
    with pytest.raises(UsageError, match="1 genuine videos"):
        learn(media, from_rows([*manifest.rows()][1:], {"archive": "/x"}))
    media.profile = media.profile.model_copy(
        update={"preprocess": media.profile.preprocess.model_copy(update={"mouth_fps": 0.0})}
    )
    with pytest.raises(MissingInput, match="no mouth stream") as raised:
        learn(media, manifest)
    assert raised.value.hint == "unmask preprocess --set preprocess.mouth_fps=25"


def test_a_dataset_without_videos_in_validation_is_no_mistake(media: Any, talking: Talking):
    manifest = talking(6, ("train",))
    assert len(read(media, manifest, "val", QUICK.changed({"datasets": ["archive"]}))) == 0


def test_audio_at_another_rate_is_refused(media: Any, talking: Talking):
    manifest = talking(4)
    settings = media.profile.preprocess.model_copy(update={"sample_rate": 8000})
    media.profile = media.profile.model_copy(update={"preprocess": settings})
    with pytest.raises(UsageError, match="encoder sync needs audio at 16000 Hz, and the media shards have 8000 Hz"):
        learn(media, manifest)


def test_the_loss_is_lowest_where_each_mouth_fits_its_own_audio():
    random = torch.Generator().manual_seed(0)
    tokens = torch.nn.functional.normalize(torch.randn(4, 40, 8, generator=random), dim=2)
    files, scale = np.arange(4), torch.tensor(20.0)
    fitting = compute_loss(tokens, tokens, files, 0.2, scale)
    late = compute_loss(tokens, tokens.roll(3, dims=1), files, 0.2, scale)
    other = compute_loss(tokens, tokens.roll(1, dims=0), files, 0.2, scale)
    assert fitting < 0.01
    assert late > 1
    assert other > 1
    same = compute_loss(tokens, tokens.roll(1, dims=0), np.zeros(4, np.int64), 0.2, scale)
    assert same < other, "windows of one file are no wrong answers of each other"


def test_log_mel_frames_lie_on_the_clock_of_the_tokens():
    wave = torch.zeros(1, 16_000)
    wave[0, 8000] = 1.0
    mel = LogMel()(wave)
    assert mel.shape == (1, 100, 64)
    assert int(mel[0].mean(dim=1).argmax()) == 50, "half a second, and token 12.5"
