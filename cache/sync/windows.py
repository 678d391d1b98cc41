"""Genuine clips with mouth and audio, held in memory, and the windows that a step of learning draws from them.

No draw depends on an earlier one: every random generator is keyed by (seed, step).

C clips, B windows of a step, T tokens of a window, H = MOUTH_PIXELS, F = FRAMES_PER_TOKEN * T mel frames, M mel bands
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.encode_shard import select_frames
from unmask.cache.sync.networks import FRAMES_PER_TOKEN, LogMel, halve
from unmask.cache.sync.settings import SyncSettings
from unmask.core.errors import UsageError
from unmask.core.hashing import fingerprint
from unmask.core.suggestions import suggest
from unmask.manifests.manifest import Manifest, MediaRow, Split
from unmask.preprocess.profiles import MOUTH_FPS
from unmask.preprocess.shards.media_shard import MediaShard

LEAST_S = 0.8
"""Shorter clips hold no second word that could be mistaken for the first."""
LEAST_FOUND = 0.5
"""Share of the frames in which the mouth was found; without it the crops show something else."""
FULL_SCALE = 32768
# Of the augmentation: pixels of MOUTH_PIXELS, gray levels, and natural logarithms of power.
SHIFT, CUT, NOISE, GAIN, TILT, CUT_BANDS, MOVE_BANDS = 4, 12, 8.0, 1.0, 1.0, 8, 3


@dataclass(frozen=True, slots=True)
class SyncClip:
    """One clip at MOUTH_FPS."""

    key: tuple[str, int]
    mouth: NDArray[np.uint8]
    """(T, H, H) gray"""
    mel: NDArray[np.float32]
    """(F, M) log-mel frames"""

    def __len__(self) -> int:
        return len(self.mouth)


@dataclass(frozen=True)
class SyncClips:
    """Clips to learn from or to validate on."""

    clips: list[SyncClip]

    @classmethod
    def read(cls, manifest: Manifest, shards: Sequence[Path], split: Split, settings: SyncSettings) -> Self:
        """The genuine clips of `split` with mouth and audio, at most `settings.max_clips`."""
        return cls.of_files(set(select_rows(manifest, split, settings)), shards, settings)

    @classmethod
    def of_files(cls, media_ids: Set[str], shards: Sequence[Path], settings: SyncSettings) -> Self:
        """The clips of these files with mouth and audio, at most `settings.max_clips`."""
        opened = [MediaShard(path) for path in shards]
        places = sorted(
            (key, number, clip) for number, shard in enumerate(opened) for key, clip in _list_usable(shard, media_ids)
        )
        if len(places) > settings.max_clips:
            chosen = np.random.default_rng(settings.seed).choice(len(places), settings.max_clips, replace=False)
            places = [places[place] for place in sorted(chosen.tolist())]
        mel = LogMel()
        return cls([read_clip(opened[number], clip, key, mel) for key, number, clip in places])

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def media_ids(self) -> list[str]:
        """Of their files, in order."""
        return list(dict.fromkeys(clip.key[0] for clip in self.clips))

    @cached_property
    def of_file(self) -> list[list[SyncClip]]:
        """The clips of each file."""
        found: dict[str, list[SyncClip]] = {}
        for clip in self.clips:
            found.setdefault(clip.key[0], []).append(clip)
        return list(found.values())

    def fingerprint(self) -> str:
        return fingerprint([clip.key for clip in self.clips])

    def draw(self, step: int, settings: SyncSettings) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.int64]]:
        """Mouths (B, T, H, H) and log-mel frames (B, F, M) of random windows, float32, and the file (B,) of each.

        Files are drawn equally often, however many clips they have.
        """
        random = np.random.default_rng([settings.seed, step])
        drawn = random.integers(len(self.of_file), size=settings.batch_size)
        length = round(settings.seconds * MOUTH_FPS)
        windows = [_draw_window(self.of_file[file], length, settings, random) for file in drawn.tolist()]
        mouths, mels = (torch.from_numpy(np.stack(side)) for side in zip(*windows, strict=True))
        return mouths, mels, drawn


def select_rows(manifest: Manifest, split: Split, settings: SyncSettings) -> dict[str, MediaRow]:
    """Videos of `split` to learn from; none is no mistake in validation. `UsageError` for a dataset without videos."""
    rows = [row for row in manifest.rows() if row.status == "ok" and row.kind == "video"]
    known = {row.dataset for row in rows}
    if missing := sorted(set(settings.datasets) - known):
        hint = f"{suggest(missing[0], known)}datasets with videos here: {', '.join(sorted(known)) or 'none'}"
        raise UsageError(f"no videos of {', '.join(missing)}", hint)
    of_split = [row for row in rows if row.split == split]
    wanted = [row for row in of_split if not settings.datasets or row.dataset in settings.datasets]
    return {row.media_id: row for row in wanted if teaches_sync(row, generated=settings.generated)}


def teaches_sync(row: MediaRow, *, generated: bool) -> bool:
    """Is the file genuine, or is at most its image manipulated, where clips with a `generated` image are wanted?"""
    if row.label == 0:
        return True
    return generated and row.label == 1 and row.video_fake is True and not row.audio_fake


def read_clip(shard: MediaShard, clip: int, key: tuple[str, int], mel: LogMel) -> SyncClip:
    """At MOUTH_FPS, mouth and audio equally long. `key`: that of the clip."""
    first, last = shard.mouth_offsets[clip : clip + 2].tolist()
    fps = float(shard.settings.get("mouth_fps") or MOUTH_FPS)
    crops = shard.array("mouth", slice(first, last))[select_frames(last - first, fps)]
    begin, end = shard.audio_offsets[clip : clip + 2].tolist()
    wave = torch.from_numpy(shard.array("audio", slice(begin, end))).float()[None] / FULL_SCALE
    frames = mel(wave)[0].numpy()
    count = min(len(crops), len(frames) // FRAMES_PER_TOKEN)
    mouth = halve(torch.from_numpy(crops[None, :count]))[0].round().to(torch.uint8).numpy()
    return SyncClip(key, mouth, frames[: count * FRAMES_PER_TOKEN])


def _list_usable(shard: MediaShard, media_ids: Set[str]) -> Iterator[tuple[tuple[str, int], int]]:
    mouths, samples = np.diff(shard.mouth_offsets), np.diff(shard.audio_offsets)
    fps, rate = float(shard.settings.get("mouth_fps") or MOUTH_FPS), float(shard.settings["sample_rate"])
    long_enough = (mouths >= LEAST_S * fps) & (samples >= LEAST_S * rate)
    keys, offsets = shard.clip_keys, shard.mouth_offsets.tolist()
    wanted = [clip for clip in np.flatnonzero(long_enough).tolist() if keys[clip][0] in media_ids]
    found = shard.array("mouth_found") if wanted else None
    for clip in wanted:
        if found is not None and found[offsets[clip] : offsets[clip + 1]].mean() >= LEAST_FOUND:
            yield keys[clip], clip


def _draw_window(
    clips: Sequence[SyncClip], length: int, settings: SyncSettings, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    clip = clips[int(random.integers(len(clips)))]
    begin = int(random.integers(max(1, len(clip) - length + 1)))
    at = np.minimum(np.arange(begin, begin + length), len(clip) - 1)
    frames = (at[:, None] * FRAMES_PER_TOKEN + np.arange(FRAMES_PER_TOKEN)).ravel()
    mouth, mel = clip.mouth[at].astype(np.float32), clip.mel[frames]
    return (_augment_mouth(mouth, random), _augment_mel(mel, random)) if settings.augment else (mouth, mel)


def _augment_mouth(mouth_THH: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    if random.random() < 0.5:
        mouth_THH = mouth_THH[:, :, ::-1]
    down, right = random.integers(-SHIFT, SHIFT + 1, 2).tolist()
    mouth_THH = np.roll(mouth_THH, (down, right), (1, 2))
    mean = float(mouth_THH.mean())
    mouth_THH = (mouth_THH - mean) * np.float32(random.uniform(0.6, 1.4)) + mean
    if random.random() < 0.3:
        mouth_THH = mouth_THH + random.normal(0, NOISE, mouth_THH.shape).astype(np.float32)
    if random.random() < 0.3:
        y, x = random.integers(0, mouth_THH.shape[1] - CUT + 1, 2).tolist()
        mouth_THH[:, y : y + CUT, x : x + CUT] = mean
    return np.ascontiguousarray(mouth_THH, np.float32)


def _augment_mel(mel_FM: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    bands = mel_FM.shape[1]
    low, high = random.normal(0, TILT, 2).tolist()
    tilt = np.linspace(low, high, bands)
    changed: NDArray[np.floating] = mel_FM + random.normal(0, GAIN) + tilt
    if random.random() < 0.5:
        first = int(random.integers(0, bands - CUT_BANDS + 1))
        changed[:, first : first + CUT_BANDS] = changed.mean()
    if random.random() < 0.5:  # noise below the loudest moment
        noise = changed.max() - random.uniform(4, 9) + random.normal(0, 0.3, changed.shape)
        changed = np.logaddexp(changed, noise)
    if random.random() < 0.5:  # another voice
        changed = np.roll(changed, int(random.integers(-MOVE_BANDS, MOVE_BANDS + 1)), axis=1)
    return np.ascontiguousarray(changed, np.float32)
