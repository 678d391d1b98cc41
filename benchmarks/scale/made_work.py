"""Manifests of made-up rows, media shards of tiny faces, and an encoder that costs nothing.

What is left to measure is the program's own cost per item.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from unmask.cache.spec import EncoderSpec
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow, from_rows
from unmask.preprocess.profiles import EncoderChoice, PreprocessSettings, Profile
from unmask.preprocess.shards.media_item import Clip, MediaItem
from unmask.preprocess.shards.media_shard import write_shard
from unmask.preprocess.shards.shard_plan import get_media_folder, make_plan
from unmask.preprocess.task import make_item_key

SIDE = 32
FILES_PER_PERSON = 50
SETTINGS = PreprocessSettings(face_size=SIDE, max_clips=1, detector="none")
STUB = "benchmarks.scale.made_work:make_stub"
PROFILE = Profile(name="scale", preprocess=SETTINGS, encoders=(EncoderChoice(name=STUB, alias="stub"),))


class StubEncoder:
    """The mean color of a face crop."""

    spec = EncoderSpec(
        name="stub",
        modality="image",
        weights="none",
        weights_hash="0" * 16,
        native_dim=3,
        tokens_per_frame=1,
        projection="native",
    )

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.float().mean(dim=(1, 2))[:, None] / 255


def make_stub(choice: EncoderChoice, device: torch.device) -> StubEncoder:
    return StubEncoder()


def make_manifest(rows: int) -> Manifest:
    """`rows` images of ten datasets, half of them fake, each person in FILES_PER_PERSON of them."""
    return from_rows(_make_rows(rows), {f"set{number}": "/nowhere" for number in range(10)})


def _make_rows(count: int) -> Iterator[MediaRow]:
    for number in range(count):
        fake = number % 2
        yield MediaRow(
            media_id=f"{number:032x}",
            dataset=f"set{number % 10}",
            domain_id=number % 10,
            path=f"{number // 1000}/{number}.jpg",
            kind="image",
            label=fake,
            video_fake=bool(fake),
            method="swap" if fake else "none",
            people=(f"person-{number // FILES_PER_PERSON}",),
            content=f"{number:016x}",
            bytes=30_000 + number % 1000,
            width=256,
            height=256,
            container="jpeg",
        )


def write_media(manifest: Manifest, work: WorkFolder) -> int:
    """Write the media shards of all rows, one face each; their number."""
    keys = {make_item_key(row): row.media_id for row in manifest.rows()}
    folder, about = get_media_folder(work, SETTINGS), SETTINGS.model_dump(mode="json")
    faces = np.random.default_rng(0).integers(0, 256, (64, 1, SIDE, SIDE, 3), dtype=np.uint8)
    clips = [_make_clip(face) for face in faces]
    plan = make_plan(folder, list(keys))
    for shard in plan:
        items = [
            MediaItem(media_id=keys[key], content="c", clips=(clips[number % len(clips)],))
            for number, key in enumerate(shard.items)
        ]
        write_shard(folder / shard.name, items, face_size=SIDE, settings=about)
    return len(plan)


def _make_clip(faces: np.ndarray) -> Clip:
    return Clip(
        start_s=0.0,
        end_s=0.0,
        faces=faces,
        face_times=np.zeros(1, np.float32),
        boxes=np.zeros((1, 4), np.float32),
        landmarks=np.zeros((1, 5, 2), np.float32),
        confidence=np.ones(1, np.float32),
        audio=np.zeros(0, np.int16),
    )
