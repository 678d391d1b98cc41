"""The arrays of one media shard, read once for all encoders.

C clips, F faces, M mouth crops
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.augmentations import augment_audio, augment_faces
from unmask.cache.read_ahead import GpuCopies
from unmask.cache.spec import Input
from unmask.cache.store.ragged import ClipKey
from unmask.preprocess.profiles import MOUTH_FPS, AugmentationSettings
from unmask.preprocess.shards.media_item import MOUTH_SIDE
from unmask.preprocess.shards.media_shard import MediaShard


def _make_empty_mouth() -> NDArray[np.uint8]:
    return np.zeros((0, MOUTH_SIDE, MOUTH_SIDE), np.uint8)


def _make_no_offsets() -> NDArray[np.int64]:
    return np.zeros(1, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardMedia:
    """What encoders read of a shard's clips."""

    keys: list[ClipKey]
    starts: NDArray[np.float32]
    """(C,) seconds."""
    faces: NDArray[np.uint8]
    """(F, S, S, 3); empty when no encoder needs faces. The same holds for audio and mouths."""
    face_times: NDArray[np.float32]
    face_offsets: NDArray[np.int64]
    audio: NDArray[np.int16]
    audio_offsets: NDArray[np.int64]
    sample_rate: int
    texts: list[str | None]
    facts: list[Mapping[str, Any] | None]
    """Header fields of each clip's media file; None when the manifest has no such file."""
    mouth: NDArray[np.uint8] = field(default_factory=_make_empty_mouth)
    """(M, MOUTH_SIDE, MOUTH_SIDE) gray, `mouth_fps` per second"""
    mouth_offsets: NDArray[np.int64] = field(default_factory=_make_no_offsets)
    mouth_fps: float = MOUTH_FPS
    faces_there: torch.Tensor | None = None
    audio_there: torch.Tensor | None = None
    """The same faces and audio on a GPU, after `there`."""
    failed: dict[str, str] = field(default_factory=dict)
    """"media_id/clip" -> why it could not be augmented; such a clip has no faces and no audio."""

    @classmethod
    def read(cls, shard: MediaShard, wanted: set[Input], facts: Mapping[str, Mapping[str, Any]]) -> Self:
        """Read the inputs `wanted`. `facts`: media id -> header fields of the manifest's row."""
        nothing: Any = np.zeros(0, np.uint8)
        reads_mouth = "mouth" in wanted and shard.has_mouth
        return cls(
            keys=shard.clip_keys,
            starts=shard.spans[:, 0],
            faces=shard.array("faces") if wanted & {"image", "clip"} else nothing,
            face_times=shard.array("face_times"),
            face_offsets=shard.face_offsets,
            audio=shard.array("audio") if "audio" in wanted else nothing,
            audio_offsets=shard.audio_offsets,
            sample_rate=int(shard.settings["sample_rate"]),
            texts=shard.clip_texts,
            facts=[facts.get(media_id) for media_id, _ in shard.clip_keys],
            mouth=shard.array("mouth") if reads_mouth else nothing,
            mouth_offsets=shard.mouth_offsets,
            mouth_fps=float(shard.settings.get("mouth_fps") or MOUTH_FPS),
        )

    def copy_to_gpu(self, copies: GpuCopies) -> Self:
        """The same with faces and audio on the GPU of `copies`."""
        return replace(self, faces_there=copies.copy(self.faces), audio_there=copies.copy(self.audio))

    def take(self, clip: int) -> Self:
        """One clip of it."""
        offsets = (self.face_offsets, self.audio_offsets, self.mouth_offsets)
        face, audio, mouth = (slice(int(part[clip]), int(part[clip + 1])) for part in offsets)
        return replace(
            self,
            keys=[self.keys[clip]],
            starts=self.starts[clip : clip + 1],
            faces=self.faces[face],
            face_times=self.face_times[face],
            face_offsets=np.array([0, face.stop - face.start]),
            audio=self.audio[audio],
            audio_offsets=np.array([0, audio.stop - audio.start]),
            texts=[self.texts[clip]],
            facts=[self.facts[clip]],
            mouth=self.mouth[mouth],
            mouth_offsets=np.array([0, mouth.stop - mouth.start]),
            faces_there=None if self.faces_there is None else self.faces_there[face],
            audio_there=None if self.audio_there is None else self.audio_there[audio],
        )

    def augment(self, settings: AugmentationSettings, number: int) -> Self:
        """The same clips in augmented version `number`; 0 is the clean one."""
        if number == 0:
            return self
        return replace(
            self,
            faces=augment_faces(self.faces, self.face_offsets, self.keys, settings, number),
            audio=augment_audio(self.audio, self.audio_offsets, self.keys, self.sample_rate, settings, number),
        )
