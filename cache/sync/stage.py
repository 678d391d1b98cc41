"""`unmask adapt sync`: learn the sync encoder on the genuine clips of the training split, and save it.

<folder>/
    model.safetensors, config.json    both networks, and their width
    trained_on.json                   what they have seen (`TrainedOn`)
    unfinished.pth                    only until the last step: progress to resume from
    lock                              held meanwhile
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from unmask.cache.adaptation.progress_file import PROGRESS
from unmask.cache.encoders.audio_base import check_sample_rate
from unmask.cache.sync.learning import Learned, SyncLearning
from unmask.cache.sync.networks import CONFIG, MODEL_TYPE, VERSION
from unmask.cache.sync.settings import SyncSettings
from unmask.cache.sync.windows import SyncClips
from unmask.cache.weights.checkpoint import write_weights
from unmask.cache.weights.trained_on import TrainedOn, describe_files, find_finished, write_trained_on
from unmask.core.errors import MissingInput, UsageError
from unmask.core.file_lock import hold_lock
from unmask.core.hashing import fingerprint
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.encoder_names import SYNC
from unmask.preprocess.profiles import MOUTH_FPS, EncoderChoice, Profile
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder, hash_media_settings

log = logging.getLogger("unmask")


@dataclass(frozen=True, kw_only=True)
class _Inputs:
    """What decides the weights."""

    settings: SyncSettings
    train: SyncClips
    val: SyncClips
    media: str
    manifest: Manifest

    @property
    def key(self) -> str:
        clips = (self.train.fingerprint(), self.val.fingerprint(), self.manifest.split_hash)
        return fingerprint("sync-1", VERSION, self.media, self.settings.model_dump(mode="json"), *clips)


def learn_sync(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    settings: SyncSettings,
    *,
    device: torch.device,
    out: Path | None = None,
) -> tuple[Path, TrainedOn]:
    """Learn which mouths and sounds fit on the genuine videos of train; the weights folder (`out`) and its record.

    A finished folder of the same settings and clips is reused, an unfinished one continued to the same weights.
    `MissingInput` when `preprocess` has not run with a mouth stream; `UsageError` for fewer than two videos.
    """
    inputs = _read_inputs(manifest, profile, work, settings)
    key = inputs.key
    folder = out or work.adapted / f"{SYNC}-s{settings.seed}-{key[:8]}"
    with hold_lock(folder / "lock", "another adaptation"):
        if finished := find_finished(folder, key):
            log.info("%s: learned before on the same clips, reused", folder)
            return folder, finished
        _announce(inputs, device)
        learning = SyncLearning(settings, inputs.train, inputs.val, device=device, folder=folder, key=key)
        learned = learning.run()
        record = _make_record(inputs, key, learned)
        write_trained_on(folder, record)
        config = {"model_type": MODEL_TYPE, "version": VERSION, "width": settings.width}
        write_weights(folder, learned.networks.state_dict(), {CONFIG: config})
        (folder / PROGRESS).unlink(missing_ok=True)
    return folder, record


def _read_inputs(manifest: Manifest, profile: Profile, work: WorkFolder, settings: SyncSettings) -> _Inputs:
    if not profile.preprocess.mouth_fps:
        remedy = f"unmask preprocess --set preprocess.mouth_fps={MOUTH_FPS:g}"
        raise MissingInput("the profile has no mouth stream, which the sync encoder learns from", remedy)
    check_sample_rate(SYNC, profile.preprocess)
    shards = find_shards(get_media_folder(work, profile.preprocess), manifest)
    train, val = (SyncClips.read(manifest, shards, split, settings) for split in ("train", "val"))
    if len(train.media_ids) < 2:
        problem = f"the train split has {len(train.media_ids)} genuine videos with a mouth and audio"
        raise UsageError(problem, "at least two are needed; more than a hundred make a good encoder")
    media = hash_media_settings(profile.preprocess)
    return _Inputs(settings=settings, train=train, val=val, media=media, manifest=manifest)


def _announce(inputs: _Inputs, device: torch.device) -> None:
    sizes = ", ".join(
        f"{len(clips)} clips of {len(clips.media_ids)} genuine videos of {split}"
        for split, clips in (("train", inputs.train), ("val", inputs.val))
    )
    log.info("adapt sync: %s, %d steps on %s", sizes, inputs.settings.steps, device)


def _make_record(inputs: _Inputs, key: str, learned: Learned) -> TrainedOn:
    numbers = sum(weights.numel() for weights in learned.networks.parameters())
    seen = {"train": inputs.train.media_ids, "val": inputs.val.media_ids}
    return TrainedOn(
        key=key,
        encoder=EncoderChoice(name=SYNC),
        weights="random",
        weights_hash=fingerprint("sync", VERSION),
        media=inputs.media,
        settings=inputs.settings.model_dump(mode="json"),
        tuned=numbers,
        parameters=numbers,
        best_epoch=len(learned.epochs),
        epochs=learned.epochs,
        **describe_files(inputs.manifest, seen),
    )
