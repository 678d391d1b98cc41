"""Adapt an encoder: tune its norm layers on the training split, and save them as a weights folder.

Norm layers hold 0.03 to 0.1 % of a transformer's weights, so that little can be overfitted, and tokens are cached as
before: adapt once, extract, then train in seconds. For deepfakes: Yermakov et al., "Deepfake detection that generalizes
across benchmarks", 2025.

<folder>/
    model.safetensors, config.json, ...    the weights, in the format of their library
    trained_on.json                        what they have seen (`TrainedOn`)
    unfinished.pth                         only until the last epoch: progress to resume from
    lock                                   held meanwhile
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.cache.adaptation.labeled_clips import LabeledClips
from unmask.cache.adaptation.progress_file import PROGRESS, Standing
from unmask.cache.adaptation.settings import AdaptSettings
from unmask.cache.adaptation.tunable_encoder import TunableEncoder
from unmask.cache.adaptation.tuning import Tuning
from unmask.cache.augmentations import name_augmentation
from unmask.cache.encoders import find_given_weights, make_encoder
from unmask.cache.encoders.audio_base import check_sample_rate
from unmask.cache.profile_choice import list_parts
from unmask.cache.weights.trained_on import (
    TrainedOn,
    describe_files,
    find_finished,
    find_trained_on,
    write_trained_on,
)
from unmask.core.errors import UsageError
from unmask.core.file_lock import hold_lock
from unmask.core.hashing import fingerprint
from unmask.core.processes.large_blocks import keep_blocks_of_gradients
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import EncoderChoice, Profile
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder, hash_media_settings

log = logging.getLogger("unmask")


@dataclass(frozen=True, kw_only=True)
class _Inputs:
    """What decides the adapted weights."""

    choice: EncoderChoice
    encoder: Any
    settings: AdaptSettings
    train: LabeledClips
    val: LabeledClips
    media: str
    manifest: Manifest

    @property
    def key(self) -> str:
        augmentation = name_augmentation(self.settings.augmentation, 1, self.train.modality)
        clips = (self.train.fingerprint(), self.val.fingerprint(), self.manifest.split_hash)
        tokens = self.encoder.spec.fingerprint(self.media)
        return fingerprint("adapt-1", tokens, self.settings.model_dump(mode="json"), augmentation, *clips)


def adapt(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    name: str,
    settings: AdaptSettings,
    *,
    device: torch.device,
    out: Path | None = None,
) -> tuple[Path, TrainedOn]:
    """Tune the norm layers of encoder `name` as `profile` has it; the weights folder (`out`) and its record.

    Begins with the weights of the profile; where these were adapted, with those that they were adapted from. A finished
    folder of the same settings and clips is reused, an unfinished one continued to the weights that an undisturbed call
    would have. `UsageError` for an encoder without norm layers or weights, and for a split with one class;
    `MissingInput` when `preprocess` has not run or weights are missing.
    """
    inputs = _read_inputs(manifest, profile, work, name, settings, device)
    key = inputs.key
    folder = out or work.adapted / f"{inputs.encoder.spec.name}-s{settings.seed}-{key[:8]}"
    with hold_lock(folder / "lock", "another adaptation"):
        if finished := find_finished(folder, key):
            log.info("%s: adapted before on the same clips, reused", folder)
            return folder, finished
        if device.type == "cpu":
            keep_blocks_of_gradients()
        model = TunableEncoder(inputs.encoder, device)
        precision = _choose_precision(inputs, device)
        _announce(inputs, model, precision)
        parts = {"settings": settings, "train": inputs.train, "val": inputs.val}
        standing = Tuning.of(model, precision, key=key, folder=folder, **parts).run()
        record = _make_record(inputs, model, standing)
        write_trained_on(folder, record)
        inputs.encoder.checkpoint.write(folder, standing.best)
        (folder / PROGRESS).unlink(missing_ok=True)
    if not standing.best_epoch:
        log.warning("no epoch was better on validation than the frozen encoder: its weights stay as they are")
    return folder, record


def choose_encoder(profile: Profile, name: str) -> EncoderChoice:
    """Encoder `name` with the settings of the profile, if it has it, and with weights that were not adapted.

    Of a network whose layers the profile keeps apart, with the mean of these layers; with the deepest of them if they
    cannot be averaged, as stages of a convolutional network.
    """
    choice = next((one for one in profile.encoders if one.alias_or_name == name), None) or _join_layers(profile, name)
    adapted = find_trained_on(find_given_weights(choice))
    if adapted is None:
        return choice
    return choice.model_copy(update={"name": adapted.encoder.name, "weights": adapted.encoder.weights})


def _join_layers(profile: Profile, name: str) -> EncoderChoice:
    apart = list_parts(profile, name)
    layers = [one for one in profile.encoders if one.alias_or_name in apart and isinstance(one.layer, int)]
    if not layers:
        return EncoderChoice(name=name)
    numbers = tuple(one.layer for one in layers if isinstance(one.layer, int))
    joined = layers[0].model_copy(update={"alias": None, "layer": numbers})
    try:
        make_encoder(joined, torch.device("cpu"))  # its spec alone
    except UsageError:
        return joined.model_copy(update={"layer": max(numbers)})
    return joined


def _read_inputs(
    manifest: Manifest, profile: Profile, work: WorkFolder, name: str, settings: AdaptSettings, device: torch.device
) -> _Inputs:
    choice = choose_encoder(profile, name)
    encoder: Any = make_encoder(choice, device)
    modality = encoder.spec.modality
    if modality not in ("image", "audio") or getattr(encoder, "checkpoint", None) is None:
        remedy = "choose an image or audio encoder of the package that has weights (unmask doctor lists them)"
        raise UsageError(f"encoder {name} cannot be adapted", remedy)
    if modality == "audio":
        check_sample_rate(name, profile.preprocess)
    shards = find_shards(get_media_folder(work, profile.preprocess), manifest)
    return _Inputs(
        choice=choice,
        encoder=encoder,
        settings=settings,
        train=LabeledClips.read(manifest, shards, modality, "train", settings.datasets),
        val=LabeledClips.read(manifest, shards, modality, "val", settings.datasets),
        media=hash_media_settings(profile.preprocess),
        manifest=manifest,
    )


def _choose_precision(inputs: _Inputs, device: torch.device) -> str:
    if inputs.settings.precision != "auto":
        return inputs.settings.precision
    if device.type != "cuda" or inputs.choice.precision == "float32":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def _announce(inputs: _Inputs, model: TunableEncoder, precision: str) -> None:
    tuned, every = model.count()
    sizes = ", ".join(
        f"{len(clips)} clips of {len(clips.media_ids)} files of {split}"
        for split, clips in (("train", inputs.train), ("val", inputs.val))
    )
    log.info(
        "adapt %s: %d of %d weights (%.2f %%), %s, %s on %s",
        *(inputs.choice.alias_or_name, tuned, every, 100 * tuned / every, sizes, precision, model.device),
    )


def _make_record(inputs: _Inputs, model: TunableEncoder, standing: Standing) -> TrainedOn:
    spec, (tuned, every) = inputs.encoder.spec, model.count()
    files = {"train": inputs.train.media_ids, "val": inputs.val.media_ids}
    return TrainedOn(
        key=inputs.key,
        encoder=inputs.choice,
        weights=spec.weights,
        weights_hash=spec.weights_hash,
        media=inputs.media,
        settings=inputs.settings.model_dump(mode="json"),
        tuned=tuned,
        parameters=every,
        best_epoch=standing.best_epoch,
        epochs=list(standing.epochs),
        **describe_files(inputs.manifest, files),
    )
