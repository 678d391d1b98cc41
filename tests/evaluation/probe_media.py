"""Media shards of labeled images and recordings of two datasets, made without any decoding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unmask.core.hashing import make_media_id
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Kind, Manifest, MediaRow, Split, from_rows
from unmask.preprocess.profiles import Profile, tiny
from unmask.preprocess.shards.media_shard import Clip, MediaItem, write_shard
from unmask.preprocess.shards.shard_plan import get_media_folder, make_plan
from unmask.preprocess.task import make_item_key

DATASETS = ("archive", "gallery")


def make_profile(*encoders: dict[str, object]) -> Profile:
    return tiny().changed({"encoders": list(encoders)})


def write_media(root: Path, *, count: int = 6, held_out: int = 0, signal: bool = True) -> tuple[WorkFolder, Manifest]:
    """`count` images and recordings per dataset and class in training, two in test and val.

    Fakes are brighter and have a tone, unless `signal` is False. `held_out` changes the media and labels of the other
    splits, and nothing of the training split.
    """
    work, settings = WorkFolder(root), tiny().preprocess
    rows = list(_list_rows(count, held_out))
    folder, of_key = get_media_folder(work, settings), {make_item_key(row): row for row in rows}
    for shard in make_plan(folder, list(of_key)):
        items = [_make_item(of_key[key], held_out, signal) for key in shard.items]
        about = settings.model_dump(mode="json")
        write_shard(folder / shard.name, items, face_size=settings.face_size, settings=about)
    return work, from_rows(rows, dict.fromkeys(DATASETS, "/nowhere"))


def _list_rows(count: int, held_out: int) -> Iterator[MediaRow]:
    counts: dict[Split, int] = {"train": count, "val": 2, "test": 2}
    kinds: tuple[Kind, ...] = ("image", "audio")
    for domain, dataset in enumerate(DATASETS):
        for kind in kinds:
            for split, files in counts.items():
                for number in range(2 * files):
                    fake = number % 2 if split == "train" else (number + held_out) % 2
                    path = f"{kind}-{split}-{number}"
                    yield MediaRow(
                        media_id=make_media_id(dataset, path),
                        dataset=dataset,
                        domain_id=domain,
                        path=path,
                        kind=kind,
                        label=fake,
                        method="swap" if fake else "none",
                        content=path,
                        split=split,
                        split_scheme="made",
                        group=f"{dataset}-{path}",
                    )


def _make_item(row: MediaRow, held_out: int, signal: bool) -> MediaItem:
    changed = held_out if row.split != "train" else 0
    random = np.random.default_rng([int(row.media_id[:8], 16), changed])
    shown = signal and row.label == 1
    faces = random.integers(0, 156, (1 if row.kind == "image" else 0, 64, 64, 3)) + (90 if shown else 0)
    audio = random.normal(0, 2000, 16_000 if row.kind == "audio" else 0)
    audio = audio + (8000 * np.sin(np.arange(len(audio)) * 0.2) if shown else 0)
    clip = Clip(
        start_s=0.0,
        end_s=1.0,
        faces=faces.astype(np.uint8),
        face_times=np.zeros(len(faces), np.float32),
        boxes=np.zeros((len(faces), 4), np.float32),
        landmarks=np.zeros((len(faces), 5, 2), np.float32),
        confidence=np.ones(len(faces), np.float32),
        audio=audio.clip(-32768, 32767).astype(np.int16),
    )
    return MediaItem(media_id=row.media_id, content=row.content, clips=(clip,), text=None)
