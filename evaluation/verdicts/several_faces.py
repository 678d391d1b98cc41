"""Each face of a file that shows several, scored apart by its image alone.

Only such files are preprocessed again, with up to MOST_FACES faces per window; files with one face cost nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.projections.projection import copy_fitted
from unmask.cache.stage import extract, open_tokens
from unmask.core.crashes import as_run_error, describe_crash
from unmask.core.errors import raise_read_failure
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.verdicts.findings import FaceVerdict
from unmask.evaluation.verdicts.pictures.jpeg import encode_within
from unmask.manifests.manifest import Manifest
from unmask.preprocess.faces.tracking import SAME_FACE_IOU, compute_iou
from unmask.preprocess.outcomes import Outcome
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.stage import Limits, preprocess
from unmask.train.data.batch import MODALITIES, Sources
from unmask.train.data.token_data import TokenData
from unmask.train.ensemble import score_run
from unmask.train.run_folder import LoadedRun
from unmask.train.scoring import compute_probability

log = logging.getLogger("unmask")

MOST_FACES = 4
THUMBNAIL_SIDE, THUMBNAIL_BYTES = 128, 12_000
# Longer than any recording: its audio is dropped, so that no audio encoder is loaded to score faces.
NO_AUDIO_S = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceClip:
    """One face in one window."""

    start_s: float
    end_s: float
    track: int
    """0 is the dominant face of its window."""
    box: NDArray[np.float32]
    """(4,) mean over the frames, in pixels."""
    logit: float
    thumbnail: bytes = b""
    """JPEG of the frame in which the face was found most surely."""


@dataclass(eq=False)
class _Face:
    clips: list[FaceClip] = field(default_factory=list)


def score_faces(
    manifest: Manifest,
    profile: Profile,
    loaded: LoadedRun,
    run: Path,
    work: WorkFolder,
    known: Mapping[str, Outcome],
    *,
    device: torch.device,
    limits: Limits,
) -> dict[str, tuple[FaceVerdict, ...]]:
    """media_id -> its faces, of the files that show several; `profile` and `work` are those of the first pass."""
    several = [one is not None and one.windows_of_several_faces > 0 for one in map(known.get, _list_ids(manifest))]
    reads_images = any(stream.spec.modality == "image" for stream in loaded.info.streams.values())
    if not reads_images or not any(several):
        return {}
    try:
        chosen = manifest.with_table(manifest.table.filter(several))
        clips = _score_clips(chosen, profile, loaded, run, WorkFolder(work.root / "faces"), device, limits)
    except Exception as error:
        raise_read_failure(error)
        if ending := as_run_error(error):
            raise ending from error
        log.warning("predict: faces were not scored apart: %s", describe_crash(error))
        return {}
    faces = {media_id: link_faces(found) for media_id, found in clips.items()}
    temperature = loaded.info.video_temperature
    return {
        media_id: tuple(_describe(number, clips, temperature) for number, clips in enumerate(found))
        for media_id, found in faces.items()
        if len(found) > 1
    }


def link_faces(clips: Sequence[FaceClip]) -> list[list[FaceClip]]:
    """The clips of each face, by the dominant one of the first window it is in.

    A face of a window is the face whose last box it overlaps most, as within a window, or a new one.
    """
    faces: list[_Face] = []
    for start in sorted({clip.start_s for clip in clips}):
        free = list(faces)
        for clip in sorted((one for one in clips if one.start_s == start), key=lambda one: one.track):
            overlaps = [float(compute_iou(clip.box, face.clips[-1].box[None])[0]) for face in free]
            best = int(np.argmax(overlaps)) if overlaps else -1
            if best < 0 or overlaps[best] < SAME_FACE_IOU:
                faces.append(_Face([clip]))
            else:
                free.pop(best).clips.append(clip)
    return [face.clips for face in faces]


def _score_clips(
    manifest: Manifest,
    profile: Profile,
    loaded: LoadedRun,
    run: Path,
    work: WorkFolder,
    device: torch.device,
    limits: Limits,
) -> dict[str, list[FaceClip]]:
    faces = {"max_faces": max(MOST_FACES, profile.preprocess.max_faces), "min_seconds": NO_AUDIO_S}
    profile = profile.model_copy(update={"preprocess": profile.preprocess.model_copy(update=faces)})
    preprocess(manifest, profile.preprocess, work, limits)
    copy_fitted(run, work.tokens)
    extract(manifest, profile, work, device=device, known={name: one.spec for name, one in loaded.info.streams.items()})
    streams = open_tokens(work, manifest, profile)
    data = TokenData.load(manifest, streams)
    clips = data.select([name for name in loaded.model.shape.streams if data.modality(name) == "image"])
    hidden: Sources = {modality: np.full(len(clips), -1, np.int64) for modality in MODALITIES if modality != "image"}
    scores = score_run(loaded, data, clips, device=device, sources=hidden)
    keys = zip(data.clips.media_id[clips].tolist(), data.clips.clip[clips].tolist(), strict=True)
    logits = dict(zip(keys, scores.video.tolist(), strict=True))
    found: dict[str, list[FaceClip]] = defaultdict(list)
    for name in streams.shards:
        _read_shard(MediaShard(work.media / streams.media / name), logits, found)
    return found


def _read_shard(shard: MediaShard, logits: Mapping[tuple[str, int], float], found: dict[str, list[FaceClip]]) -> None:
    """Add the clips of `shard` in which a face was detected."""
    for number, key in enumerate(shard.clip_keys):
        clip = shard.clip(number)
        if key not in logits or np.isnan(clip.confidence).all():
            continue
        surest = int(np.nanargmax(clip.confidence))
        one = FaceClip(
            start_s=clip.start_s,
            end_s=clip.end_s,
            track=clip.track,
            box=clip.boxes.mean(axis=0),
            logit=logits[key],
            thumbnail=encode_within(clip.faces[surest], THUMBNAIL_SIDE, THUMBNAIL_BYTES),
        )
        found[key[0]].append(one)


def _describe(number: int, clips: Sequence[FaceClip], temperature: float) -> FaceVerdict:
    logit = np.array([np.mean([clip.logit for clip in clips])])
    return FaceVerdict(
        face=number,
        start_s=clips[0].start_s,
        end_s=clips[-1].end_s,
        score=float(compute_probability(logit, temperature)[0]),
        clips=len(clips),
        thumbnail=clips[0].thumbnail,
    )


def _list_ids(manifest: Manifest) -> list[str]:
    return [str(media_id) for media_id in manifest.table.column("media_id").to_pylist()]
