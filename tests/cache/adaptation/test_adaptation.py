"""Adapted weights: what changes, what does not, and that a stopped adaptation ends like an undisturbed one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from labeled_media import CPU, FAST, make_manifest, use

from unmask.cache.adaptation.labeled_clips import Draw, LabeledClips
from unmask.cache.adaptation.settings import AdaptSettings
from unmask.cache.adaptation.stage import adapt, choose_encoder
from unmask.cache.adaptation.tunable_encoder import find_norms
from unmask.cache.adaptation.tuning import Tuning
from unmask.cache.adaptation.validation import Scores
from unmask.cache.encoders import make_encoder
from unmask.cache.weights.resolve import find_weights
from unmask.cache.weights.trained_on import TrainedOn
from unmask.core.errors import MissingInput, UsageError
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import EncoderChoice, Profile

Labeled = Callable[[str], Manifest]


def run(
    media: Any, manifest: Manifest, name: str, weights: str, out: Path | None = None, **settings: Any
) -> tuple[Path, TrainedOn]:
    chosen = AdaptSettings(**{**FAST, **settings})
    return adapt(manifest, use(media.profile, name, weights), media.work, name, chosen, device=CPU, out=out)


def open_encoder(name: str, weights: str | Path) -> Any:
    return make_encoder(EncoderChoice(name=name, weights=str(weights)), CPU)


def list_changed(old: dict[str, torch.Tensor], new: dict[str, torch.Tensor]) -> set[str]:
    assert old.keys() == new.keys()
    return {name for name in old if not torch.equal(old[name], new[name])}


@pytest.mark.parametrize(
    ("kind", "name", "model", "precision"),
    [
        ("image", "timm:test_vit", "vit_b16", "fp32"),
        ("image", "timm:test_resnet", "resnet50", "fp32"),
        ("image", "timm:test_vit", "vit_b16", "bf16"),
        ("audio", "wav2vec2_base", "wav2vec2_base", "fp32"),
        ("audio", "wav2vec2_large", "wav2vec2_large", "fp32"),
        ("audio", "whisper_tiny", "whisper", "fp32"),
    ],
)
def test_only_norm_layers_change_and_all_other_weights_keep_every_bit(
    media: Any,
    labeled: Labeled,
    local_models: dict[str, str],
    whisper_folder: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    name: str,
    model: str,
    precision: str,
) -> None:
    weights = whisper_folder if model == "whisper" else local_models[model]
    # Of the last epoch, whatever validation says: noise has no best epoch.
    scores = iter(Scores(auc, "all files", 0.0) for auc in (0.5, 0.6, 0.7))
    monkeypatch.setattr("unmask.cache.adaptation.tuning.score_items", lambda *_: next(scores))
    folder, record = run(media, labeled(kind), name, weights, precision=precision)
    before, after = open_encoder(name, weights), open_encoder(name, folder)
    norms = set(find_norms(before.network))
    changed = list_changed(before.network.state_dict(), after.network.state_dict())
    assert changed
    assert changed <= norms
    # Layers above those in use, and every other tensor of the file.
    saved = list_changed(before.checkpoint.load(), after.checkpoint.load())
    assert saved == {one.removeprefix(before.checkpoint.prefix) for one in changed}
    assert record.tuned == sum(values.numel() for values in find_norms(before.network).values())
    assert before.spec.weights_hash != after.spec.weights_hash


def test_a_stopped_adaptation_ends_with_the_bytes_of_an_undisturbed_one(
    media: Any, labeled: Labeled, local_models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, weights, settings = labeled("image"), local_models["vit_b16"], {"epochs": 3}
    whole, _ = run(media, manifest, "timm:test_vit", weights, tmp_path / "whole", **settings)
    load, count = LabeledClips.load, 0

    def stop(clips: LabeledClips, draw: Draw, settings: Any) -> torch.Tensor:
        nonlocal count
        count += 1
        if count == 8 + 4 + 8 + 4 + 3:  # frozen, validation, epoch 1, validation, amid epoch 2
            raise KeyboardInterrupt
        return load(clips, draw, settings)

    with monkeypatch.context() as patch:
        patch.setattr(LabeledClips, "load", stop)
        with pytest.raises(KeyboardInterrupt):
            run(media, manifest, "timm:test_vit", weights, tmp_path / "stopped", **settings)
    with pytest.raises(MissingInput, match="no complete model folder"):
        find_weights("timm:test_vit", str(tmp_path / "stopped"))
    epochs: list[int] = []
    train_epoch = Tuning._train_epoch
    monkeypatch.setattr(Tuning, "_train_epoch", lambda self, epoch: epochs.append(epoch) or train_epoch(self, epoch))
    stopped, _ = run(media, manifest, "timm:test_vit", weights, tmp_path / "stopped", **settings)
    assert epochs == [2, 3]
    names = sorted(path.name for path in whole.iterdir())
    assert names == ["config.json", "lock", "model.safetensors", "trained_on.json"]
    assert {name: (stopped / name).read_bytes() for name in names} == {
        name: (whole / name).read_bytes() for name in names
    }
    run(media, manifest, "timm:test_vit", weights, tmp_path / "stopped", **settings)
    assert epochs == [2, 3]  # finished weights are reused
    for name in ("model.safetensors", "config.json"):
        content = (stopped / name).read_bytes()
        place = len(content) - 1 if name == "model.safetensors" else content.index(b"test_vit")
        (stopped / name).write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(MissingInput, match="damaged since it was written"):
            open_encoder("timm:test_vit", stopped).checkpoint.load()
        run(media, manifest, "timm:test_vit", weights, tmp_path / "stopped", **settings)
        assert (stopped / name).read_bytes() == content
    with pytest.raises(UsageError, match="other settings"):
        run(media, manifest, "timm:test_vit", weights, tmp_path / "stopped", seed=1)


def test_without_a_better_epoch_training_stops_and_the_weights_stay_frozen(
    media: Any, labeled: Labeled, local_models: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unmask.cache.adaptation.tuning.score_items", lambda *_: Scores(0.5, "all files", 0.7))
    weights = local_models["vit_b16"]
    folder, record = run(media, labeled("image"), "timm:test_vit", weights, epochs=9, patience=2)
    assert [line["epoch"] for line in record.epochs] == [0, 1, 2]
    assert record.best_epoch == 0
    before, after = open_encoder("timm:test_vit", weights), open_encoder("timm:test_vit", folder)
    assert not list_changed(before.checkpoint.load(), after.checkpoint.load())


def test_a_second_adaptation_begins_with_the_weights_before_the_first(
    media: Any, labeled: Labeled, local_models: dict[str, str]
) -> None:
    manifest, weights = labeled("image"), local_models["vit_b16"]
    folder, _ = run(media, manifest, "timm:test_vit", weights, epochs=1)
    assert choose_encoder(use(media.profile, "timm:test_vit", folder), "timm:test_vit").weights == weights
    assert run(media, manifest, "timm:test_vit", str(folder), epochs=1)[0] == folder


@pytest.mark.parametrize("name", ["tiny_image", "lfcc", "tiny_text", "metadata"])
def test_an_encoder_without_weights_or_of_text_is_refused(media: Any, labeled: Labeled, name: str) -> None:
    profile: Profile = media.profile
    with pytest.raises(UsageError, match="cannot be adapted"):
        adapt(labeled("image"), profile, media.work, name, AdaptSettings(), device=CPU)


def test_a_split_with_one_class_is_refused(media: Any, labeled: Labeled, local_models: dict[str, str]) -> None:
    labeled("image")
    real = [row for row in media.rows if row.split != "val" or row.label == 0]
    with pytest.raises(UsageError, match="the val split has only genuine clips with image"):
        run(media, make_manifest(real), "timm:test_vit", local_models["vit_b16"])


def test_draws_are_even_over_datasets_and_classes_and_are_augmented_anew(media: Any, labeled: Labeled) -> None:
    labeled("image")
    rows = [replace(row, split="train", dataset="dff" if number < 4 else "archive") for number, row in
            enumerate(media.rows)]  # fmt: skip
    shards = sorted((media.work.media).glob("*/shard-*.zarr"))
    clips = LabeledClips.read(make_manifest(rows), shards, "image", "train", ())
    settings = AdaptSettings(batch_size=5, draws=40, max_repeats=4, augment=1.0)
    steps = clips.draw(1, settings)
    draws = [draw for step in steps for draw in step]
    cells = [int(clips.cells[draw.clip]) for draw in draws]
    # dff has two files of each class: four draws each at most, and 40 / 4 per cell else.
    assert sorted((cells.count(cell) for cell in set(cells)), reverse=True) == [10, 10, 8, 8]
    assert {len(step) for step in steps[:-1]} == {5}
    views = [draw.view for draw in (*draws, *(draw for step in clips.draw(2, settings) for draw in step))]
    assert len(set(views)) == len(views)
    assert clips.draw(1, settings) == steps
    augmented = clips.load(draws[0], settings.augmentation)
    clean = clips.load(replace(draws[0], view=0), settings.augmentation)
    assert augmented.shape == clean.shape
    assert not torch.equal(augmented, clean)


def test_a_genuine_picture_beside_a_forged_voice_is_genuine(media: Any) -> None:
    media.add(*(f"video-{number}" for number in range(4)))
    voice_only = {"label": 1, "method": "clone", "video_fake": False, "audio_fake": True, "split": "train"}
    unknown = {"label": 1, "method": "swap", "split": "train"}
    rows = [replace(row, **(voice_only if number < 2 else unknown)) for number, row in enumerate(media.rows)]
    shards = sorted((media.work.media).glob("*/shard-*.zarr"))
    clips = LabeledClips.read(make_manifest(rows), shards, "image", "train", ())
    assert clips.fake.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]  # two clips per video
    with pytest.raises(UsageError, match="only manipulated clips with audio"):
        LabeledClips.read(make_manifest(rows), shards, "audio", "train", ())


def test_audio_at_another_rate_is_refused(media: Any, labeled: Labeled, local_models: dict[str, str]):
    manifest = labeled("audio")
    settings = media.profile.preprocess.model_copy(update={"sample_rate": 8000})
    media.profile = media.profile.model_copy(update={"preprocess": settings})
    with pytest.raises(UsageError, match="encoder wav2vec2_base needs audio at 16000 Hz"):
        run(media, manifest, "wav2vec2_base", local_models["wav2vec2_base"])
