"""Clips of a shard one by one, where the whole shard met an unexpected error: a bad clip costs itself alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from unmask.cache.encode_shard import ShardTokens, encode_shard
from unmask.cache.encoder_runner import Output, Runner
from unmask.cache.shard_media import ShardMedia
from unmask.core.crashes import CRASHED, as_run_error, describe_crash
from unmask.core.errors import MachineFailed
from unmask.preprocess.profiles import AugmentationSettings

log = logging.getLogger("unmask")


def encode_safely(media: ShardMedia, runner: Runner, outputs: Sequence[Output] | None = None) -> list[ShardTokens]:
    """`encode_shard`; a clip that raises gets no tokens of any output and a line in `failed`."""
    outputs = runner.outputs if outputs is None else outputs
    try:
        made = encode_shard(media, runner, outputs)
    except Exception as error:
        _raise_if_fatal(error, runner.device)
        if not media.keys:
            raise
        name = runner.encoder.spec.name
        log.warning("%s: %s; encoding the clips of this shard one by one", name, describe_crash(error))
        clips = [_encode_clip(media, clip, runner, outputs) for clip in range(len(media.keys))]
        made = [_join_tokens(of_output) for of_output in zip(*clips, strict=True)]
    return [replace(one, failed=one.failed | media.failed) for one in made]


def augment_safely(media: ShardMedia, settings: AugmentationSettings, number: int) -> ShardMedia:
    """`media.augment`; a clip that raises loses its faces and audio and gets a line in `failed`."""
    try:
        return media.augment(settings, number)
    except Exception as error:
        _raise_if_fatal(error)
        if not media.keys:
            raise
        log.warning("view %d: %s; changing the clips of this shard one by one", number, describe_crash(error))
    parts = [_augment_clip(media, clip, settings, number) for clip in range(len(media.keys))]
    return replace(
        media,
        faces=np.concatenate([part.faces for part in parts]),
        face_times=np.concatenate([part.face_times for part in parts]),
        face_offsets=np.cumsum([0, *(part.face_offsets[-1] for part in parts)]),
        audio=np.concatenate([part.audio for part in parts]),
        audio_offsets=np.cumsum([0, *(part.audio_offsets[-1] for part in parts)]),
        failed={name: reason for part in parts for name, reason in part.failed.items()},
    )


def _encode_clip(media: ShardMedia, clip: int, runner: Runner, outputs: Sequence[Output]) -> list[ShardTokens]:
    try:
        return encode_shard(media.take(clip), runner, outputs)
    except Exception as error:
        _raise_if_fatal(error, runner.device)
        failed, none = {_name(media, clip): CRASHED + describe_crash(error)}, np.zeros(0, np.float32)
        return [
            ShardTokens(np.zeros((0, output.spec.width), np.float16), none, [0], dict(failed)) for output in outputs
        ]


def _augment_clip(media: ShardMedia, clip: int, settings: AugmentationSettings, number: int) -> ShardMedia:
    alone = media.take(clip)
    try:
        return alone.augment(settings, number)
    except Exception as error:
        _raise_if_fatal(error)
        none = np.zeros(2, np.int64)
        return replace(
            alone,
            faces=alone.faces[:0],
            face_times=alone.face_times[:0],
            face_offsets=none,
            audio=alone.audio[:0],
            audio_offsets=none,
            failed={_name(media, clip): CRASHED + describe_crash(error)},
        )


def _join_tokens(parts: Sequence[ShardTokens]) -> ShardTokens:
    return ShardTokens(
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.times for part in parts]),
        [length for part in parts for length in part.lengths],
        {name: reason for part in parts for name, reason in part.failed.items()},
    )


def _name(media: ShardMedia, clip: int) -> str:
    media_id, number = media.keys[clip]
    return f"{media_id}/{number}"


def _raise_if_fatal(error: Exception, device: torch.device | None = None) -> None:
    """Raise what ends the run: see `as_run_error`. A GPU that no longer answers does too, whatever the error says."""
    ending = as_run_error(error)
    if ending is not None:
        raise ending from error
    if device is not None and device.type == "cuda":
        try:
            torch.zeros(1, device=device).cpu()
        except RuntimeError as silence:
            raise as_run_error(silence) or MachineFailed(f"the GPU failed: {silence}", "run again") from error
