"""Clips whose mouth opens with the loudness of their audio, for the sync encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unmask.core.hashing import make_media_id
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow, from_rows
from unmask.preprocess.outcomes import collect_outcomes, write_outcomes
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_item import MOUTH_SIDE, Clip, MediaItem
from unmask.preprocess.shards.media_shard import write_shard
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder, make_plan
from unmask.preprocess.task import make_item_key

FPS, RATE = 25, 16_000
SECONDS = 3.0


def draw_envelope(seed: int, seconds: float = SECONDS) -> NDArray[np.float64]:
    """(seconds * FPS,) how far the mouth is open, 0 to 1: a new value every 0.16 s, smoothed."""
    random = np.random.default_rng(seed)
    count = round(seconds * FPS)
    steps = np.repeat(random.random(count // 4 + 2), 4)
    return np.convolve(steps, np.ones(3) / 3, mode="same")[:count]


def speak(envelope: NDArray[np.float64], seed: int) -> NDArray[np.int16]:
    """Noise as loud as `envelope` says."""
    random = np.random.default_rng(1000 + seed)
    loud = np.repeat(envelope**2, RATE // FPS)
    return (3000 * loud * random.standard_normal(len(loud))).astype(np.int16)


def move(envelope: NDArray[np.float64], seed: int) -> NDArray[np.uint8]:
    """A dark bar on a gray face, as high as `envelope` says."""
    random = np.random.default_rng(2000 + seed)
    frames = np.full((len(envelope), MOUTH_SIDE, MOUTH_SIDE), 150, np.int16)
    for frame, opening in zip(frames, envelope, strict=True):
        half = round(2 + 24 * opening)
        frame[MOUTH_SIDE // 2 - half : MOUTH_SIDE // 2 + half, 20:-20] = 40
    return (frames + random.integers(-8, 9, frames.shape)).clip(0, 255).astype(np.uint8)


def make_clip(seed: int, *, late_s: float = 0.0, start_s: float = 0.0, seconds: float = SECONDS) -> Clip:
    """The audio comes `late_s` after the mouth."""
    both = draw_envelope(seed, seconds + 2)
    count, late = round(seconds * FPS), round(late_s * FPS)
    mouth, heard = both[FPS : FPS + count], both[FPS - late : FPS - late + count]
    return Clip(
        start_s=start_s,
        end_s=start_s + seconds,
        faces=np.full((4, 64, 64, 3), 128, np.uint8),
        face_times=(start_s + np.arange(4) * seconds / 4).astype(np.float32),
        boxes=np.zeros((4, 4), np.float32),
        landmarks=np.zeros((4, 5, 2), np.float32),
        confidence=np.ones(4, np.float32),
        audio=speak(heard, seed),
        mouth=move(mouth, seed),
        mouth_found=np.ones(count, np.bool_),
    )


def give_mouths(item: MediaItem) -> MediaItem:
    """For `media.add(change=...)`: two clips, other ones in every item; every fifth has its audio 0.4 s late."""
    number = int(item.content.removeprefix("c"))
    late = 0.4 if number % 5 == 4 else 0.0
    return replace(
        item, clips=(make_clip(10 * number, late_s=late), make_clip(10 * number + 1, late_s=late, start_s=3.0))
    )


def label_videos(rows: Sequence[MediaRow], splits: Sequence[str]) -> Manifest:
    """Genuine videos, one identity each, in these splits by turns; every fifth is fake in its audio."""
    return from_rows(
        [_label(row, number, splits[number % len(splits)]) for number, row in enumerate(rows)], {"archive": "/x"}
    )


def _label(row: MediaRow, number: int, split: str) -> MediaRow:
    fake = number % 5 == 4
    named = {"people": (f"person-{number}",), "group": f"person-{number}"}
    return replace(
        row,
        label=int(fake),
        method="swap" if fake else "none",
        video_fake=False,
        audio_fake=fake,
        split=split,
        split_scheme="a",
        **named,
    )


def write_videos(work: WorkFolder, profile: Profile, count: int) -> list[MediaRow]:
    """Media shards of `count` such videos, as `preprocess` would leave them, and their rows."""
    rows = [_make_row(number) for number in range(count)]
    items = {
        make_item_key(row): give_mouths(MediaItem(media_id=row.media_id, content=str(row.content))) for row in rows
    }
    folder, settings = get_media_folder(work, profile.preprocess), profile.preprocess
    for shard in make_plan(folder, list(items)):
        written = [items[key] for key in shard.items]
        described = settings.model_dump(mode="json")
        write_shard(folder / shard.name, written, face_size=settings.face_size, settings=described)
    write_outcomes(folder, collect_outcomes(rows, find_shards(folder, from_rows(rows, {"archive": "/x"}))))
    return rows


def _make_row(number: int) -> MediaRow:
    name = f"{number}.mp4"
    return MediaRow(
        media_id=make_media_id("archive", name),
        dataset="archive",
        domain_id=1,
        path=name,
        kind="video",
        label=0,
        content=f"c{number}",
    )
