"""One item: a media file becomes clips. Runs in worker processes and loads torch, so the parent does not import it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import decord
import numpy as np
import torch
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.core.hashing import quick_content
from unmask.media.audio_readers import Track
from unmask.media.images import read_image
from unmask.media.timeline import Timeline, read_timeline
from unmask.preprocess.clip_audio import ClipSounds, read_sounds
from unmask.preprocess.clip_frames import frames_at, read_clips
from unmask.preprocess.clip_windows import ClipPlan, Window
from unmask.preprocess.faces.cropping import crop_faces
from unmask.preprocess.faces.detection import detect
from unmask.preprocess.faces.detector import Address, use_service
from unmask.preprocess.faces.tracking import FaceTrack, centre, follow
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_shard import Clip, MediaItem
from unmask.preprocess.task import Task
from unmask.preprocess.thumbnail import thumbnail
from unmask.preprocess.trim_silence import plan_clips

Samples = NDArray[np.int16]
NO_SOUND: Samples = np.zeros(0, np.int16)

NO_MEMORY = "allocate memory"
RESCAN = "Run `unmask scan` again"


@dataclass(frozen=True, slots=True)
class _Face:
    """One face of a window's frames."""

    crops: NDArray[np.uint8]
    track: FaceTrack


@dataclass(frozen=True, slots=True)
class _Heard:
    """The sound of a video's windows, which it also decides: they lie where there is sound."""

    plan: ClipPlan
    sounds: ClipSounds | None = None
    """None where there is none worth the name."""
    problem: str | None = None
    """What is wrong with it. A damaged or empty sound track does not cost the picture."""


def start_worker(detector: Address | None = None) -> None:
    """Once a process: one thread each, because there is a process a core; decoders that give up on damage and keep
    quiet; faces looked for by the service at `detector`, or here.
    """
    torch.set_num_threads(1)
    # Native decoders write remarks that name no file. What matters ends as a row's reason or an exception.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.environ["DECORD_EOF_RETRY_MAX"] = "64"
    decord.logging.set_level(decord.logging.QUIET)
    use_service(detector)


@cache
def warm_up() -> None:
    """What the first item of a process would pay for all: loading the networks."""
    detect(np.zeros((1, 64, 64, 3), np.uint8), PreprocessSettings())


def preprocess_item(task: Task) -> MediaItem:
    """Clips of one file, or the reason why there are none. `MemoryError` where it needs too much; else our bug."""
    try:
        _check_file(task)
        made = _KINDS[task.kind](task.path, task.settings)
    except RuntimeError as error:
        if NO_MEMORY in str(error):  # as torch tells it
            raise MemoryError from error
        raise
    except BadMedia as error:
        if NO_MEMORY in error.problem:  # as FFmpeg's readers tell it
            raise MemoryError from error
        made = MediaItem(
            media_id="",
            content="",
            reason=error.reason,
            problem=f"{error.problem}. {error.remedy}".rstrip(),
            thumbnail=thumbnail(task.path, task.kind, error.reason, max_pixels=task.settings.max_pixels),
        )
    return replace(made, media_id=task.media_id, content=task.content, text=task.text)


def _check_file(task: Task) -> None:
    if task.refused:
        raise BadMedia(task.path, "refused", task.refused)
    try:
        # Opening a pipe would wait for somebody to write into it.
        if not stat.S_ISREG(task.path.stat().st_mode):
            raise BadMedia(task.path, "unreadable", "a folder, pipe, socket or device, not a file")
        content = quick_content(task.path)
    except FileNotFoundError as error:
        raise BadMedia(task.path, "vanished", "not there any more", RESCAN) from error
    except OSError as error:
        raise BadMedia(
            task.path, "unreadable", f"cannot be opened ({error.strerror})", "Check who may read it"
        ) from error
    if task.content and content != task.content:
        raise BadMedia(task.path, "vanished", "another file than at the time of the scan", RESCAN)


def _image(path: Path, settings: PreprocessSettings) -> MediaItem:
    frames, window = read_image(path, max_pixels=settings.max_pixels)[None], Window(0.0, 0.0)
    clips = [
        _clip(window, face, np.zeros(1), NO_SOUND, settings, number)
        for number, face in enumerate(_faces(frames, settings))
    ]
    return _item(path, clips, "pillow", ClipPlan((window,)))


def _video(path: Path, settings: PreprocessSettings) -> MediaItem:
    timeline = read_timeline(path, max_pixels=settings.max_pixels, max_seconds=settings.max_seconds)
    heard = _heard(path, timeline, settings)
    sounds, chosen = heard.sounds, heard.plan.windows
    picks = [frames_at(timeline, window, settings.frames_per_clip) for window in chosen]
    faces, reader = read_clips(path, timeline, picks, lambda frames: _faces(frames, settings))
    samples = [_worth(one, settings) for one in sounds.samples] if sounds else [NO_SOUND] * len(picks)
    clips = [
        _clip(window, face, timeline.times[pick], sound, settings, number)
        for window, found, pick, sound in zip(chosen, faces, picks, samples, strict=True)
        for number, face in enumerate(found)
    ]
    made = _item(path, clips, "+".join(dict.fromkeys((reader, *([sounds.reader] if sounds else [])))), heard.plan)
    return replace(made, problem=heard.problem, quality=sounds.quality if sounds else None)


def _audio(path: Path, settings: PreprocessSettings) -> MediaItem:
    def plan_of(track: Track) -> ClipPlan:
        seconds = track.end_s - track.start_s
        if seconds > settings.max_seconds:
            problem = f"{seconds:.0f} s long, over the limit of {settings.max_seconds:g} s"
            raise BadMedia(path, "refused", problem, "Cut it or raise preprocess.max_seconds")
        return plan_clips(track.start_s, track.end_s, track, settings)

    sounds = read_sounds(path, plan_of, settings)
    if sounds is None:
        raise BadMedia(path, "too_short", "no sound in it")
    heard = [pair for pair in zip(sounds.plan.windows, sounds.samples, strict=True) if len(_worth(pair[1], settings))]
    if not heard:
        raise BadMedia(path, "too_short", f"under {settings.min_seconds:g} s of sound")
    if not any(samples.any() for _, samples in heard):
        raise BadMedia(path, "silent", "every sample is zero")
    clips = [_clip(window, None, np.zeros(0), samples, settings) for window, samples in heard]
    return replace(_item(path, clips, sounds.reader, sounds.plan), quality=sounds.quality)


_KINDS: dict[str, Callable[[Path, PreprocessSettings], MediaItem]] = {"image": _image, "audio": _audio, "video": _video}


def _heard(path: Path, timeline: Timeline, settings: PreprocessSettings) -> _Heard:
    """The sound of a video and, with it, where its clips lie."""
    length = timeline.end_s - timeline.start_s
    # Most of a film with one slammed door is silent; it must not shrink to the door.
    least_s = min(settings.clip_seconds, length / 2)

    def plan_of(track: Track | None) -> ClipPlan:
        return plan_clips(timeline.start_s, timeline.end_s, track, settings, least_s=least_s)

    try:
        sounds = read_sounds(path, plan_of, settings, readers=("pyav",))
    except BadMedia as error:
        return _Heard(plan_of(None), problem=error.problem)
    if sounds is None:
        return _Heard(plan_of(None))
    if not any(one.any() for one in sounds.samples):  # zeros are no recording: the model should see no sound at all
        there = any(len(one) for one in sounds.samples)
        problem = "every sample of its sound is zero" if there else "no sound while its picture is shown"
        return _Heard(sounds.plan, problem=problem)
    return _Heard(sounds.plan, sounds)


def _worth(samples: Samples, settings: PreprocessSettings) -> Samples:
    """Nothing in place of sound that is too short to be any."""
    return samples if len(samples) >= settings.min_seconds * settings.sample_rate else NO_SOUND


def _faces(frames: NDArray[np.uint8], settings: PreprocessSettings) -> list[_Face]:
    """The faces followed over `frames` (F, H, W, 3); without any the centre, or none under the policy "skip"."""
    found = [] if settings.detector == "none" else follow(detect(frames, settings), settings.max_faces)
    if not found and (settings.detector == "none" or settings.no_face == "centre"):
        found = [centre(*frames.shape[:3])]
    return [_Face(crop_faces(frames, track, settings), track) for track in found]


def _clip(
    window: Window,
    face: _Face | None,
    times: NDArray[np.float64],
    samples: Samples,
    settings: PreprocessSettings,
    number: int = 0,
) -> Clip:
    track = face.track if face else centre(0, 0, 0)
    return Clip(
        start_s=window.start_s,
        end_s=window.end_s,
        faces=face.crops if face else np.zeros((0, settings.face_size, settings.face_size, 3), np.uint8),
        face_times=times.astype(np.float32),
        boxes=track.boxes,
        landmarks=track.landmarks,
        confidence=track.confidence,
        audio=samples,
        track=number,
    )


def _item(path: Path, clips: Sequence[Clip], reader: str, plan: ClipPlan) -> MediaItem:
    if not clips:
        raise BadMedia(path, "no_face", "no face found in it", "Keep such items with preprocess.no_face=centre")
    return MediaItem(
        media_id="",
        content="",
        clips=tuple(clips),
        reader=reader,
        cut_start_s=plan.cut_start_s,
        cut_end_s=plan.cut_end_s,
    )
