"""One item: a media file becomes clips. Runs in worker processes and loads torch, so the parent does not import it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import decord
import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import BadMedia
from core.fingerprint import quick_content
from preprocess.audio import read_sounds
from preprocess.clips import Window, windows
from preprocess.crops import crop_faces
from preprocess.faces import detect
from preprocess.images import read_image
from preprocess.profiles import PreprocessSettings
from preprocess.shards import Clip, MediaItem
from preprocess.sound import Track
from preprocess.task import Task
from preprocess.timeline import read_timeline
from preprocess.tracks import FaceTrack, centre, follow
from preprocess.video import frames_at, read_clips

Samples = NDArray[np.int16]

RESCAN = "Run `unmask scan` again"


@dataclass(frozen=True, slots=True)
class _Faces:
    """What is kept of a clip's frames."""

    crops: NDArray[np.uint8]
    track: FaceTrack


def start_worker() -> None:
    """Once a process: one thread each, because there is a process a core; decoders that give up on damage and keep
    quiet.
    """
    torch.set_num_threads(1)
    os.environ["DECORD_EOF_RETRY_MAX"] = "64"
    decord.logging.set_level(decord.logging.QUIET)


def preprocess_item(task: Task) -> MediaItem:
    """Clips of one file. `BadMedia` says why there are none."""
    _check_file(task)
    made = _KINDS[task.kind](task.path, task.settings)
    return replace(made, media_id=task.media_id, content=task.content, text=task.text)


def _check_file(task: Task) -> None:
    if task.refused:
        raise BadMedia(task.path, "refused", task.refused)
    try:
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
    frames = read_image(path, max_pixels=settings.max_pixels)[None]
    faces = [_faces(frames, settings)]
    return _item(path, [Window(0.0, 0.0)], faces, [np.zeros(1)], [_silence()], "pillow")


def _video(path: Path, settings: PreprocessSettings) -> MediaItem:
    timeline = read_timeline(path, max_pixels=settings.max_pixels, max_seconds=settings.max_seconds)
    chosen = _windows(timeline.start_s, timeline.end_s, settings)
    picks = [frames_at(timeline, window, settings.frames_per_clip) for window in chosen]
    faces, reader = read_clips(path, timeline, picks, lambda frames: _faces(frames, settings))
    samples, sound_reader, problem = _sound_of_video(path, chosen, settings)
    times = [timeline.times[pick] for pick in picks]
    item = _item(path, chosen, faces, times, samples, "+".join(filter(None, (reader, sound_reader))))
    return replace(item, problem=problem)


def _audio(path: Path, settings: PreprocessSettings) -> MediaItem:
    def windows_of(track: Track) -> Sequence[Window]:
        seconds = track.end_s - track.start_s
        if seconds > settings.max_seconds:
            problem = f"{seconds:.0f} s long, over the limit of {settings.max_seconds:g} s"
            raise BadMedia(path, "refused", problem, "Cut it or raise preprocess.max_seconds")
        return _windows(track.start_s, track.end_s, settings)

    sounds = read_sounds(path, windows_of, rate=settings.sample_rate)
    if sounds is None:
        raise BadMedia(path, "too_short", "no sound in it")
    heard = [(window, one) for window, one in zip(sounds.windows, sounds.samples, strict=True) if _lasts(one, settings)]
    if not heard:
        raise BadMedia(path, "too_short", f"under {settings.min_seconds:g} s of sound")
    if not any(one.any() for _, one in heard):
        raise BadMedia(path, "silent", "every sample is zero")
    clips = [_clip(window, None, np.zeros(0), samples, settings.face_size) for window, samples in heard]
    return MediaItem(media_id="", content="", clips=tuple(clips), reader=sounds.reader)


_KINDS: dict[str, Callable[[Path, PreprocessSettings], MediaItem]] = {"image": _image, "audio": _audio, "video": _video}


def _windows(start_s: float, end_s: float, settings: PreprocessSettings) -> tuple[Window, ...]:
    return windows(start_s, end_s, clip_seconds=settings.clip_seconds, max_clips=settings.max_clips)


def _silence() -> Samples:
    return np.zeros(0, np.int16)


def _lasts(samples: Samples, settings: PreprocessSettings) -> bool:
    return len(samples) >= settings.min_seconds * settings.sample_rate


def _sound_of_video(
    path: Path, chosen: Sequence[Window], settings: PreprocessSettings
) -> tuple[list[Samples], str | None, str | None]:
    """Each clip's sound (empty where there is none worth the name), its reader, and what was wrong with it.

    A damaged or empty sound track does not cost the picture; it is told in the item's `problem`.
    """
    try:
        sounds = read_sounds(path, lambda _: chosen, rate=settings.sample_rate, readers=("pyav",))
    except BadMedia as error:
        return [_silence() for _ in chosen], None, error.problem
    if sounds is None:
        return [_silence() for _ in chosen], None, None
    if not any(one.any() for one in sounds.samples):  # zeros are no recording: the model should see no sound at all
        return [_silence() for _ in chosen], None, "every sample of its sound is zero"
    return [one if _lasts(one, settings) else _silence() for one in sounds.samples], sounds.reader, None


def _faces(frames: NDArray[np.uint8], settings: PreprocessSettings) -> _Faces | None:
    """Crops of the face followed over `frames` (F, H, W, 3); None under the policy "skip" when there is none."""
    track = follow(detect(frames, detect_side=settings.detect_side, min_confidence=settings.min_confidence))
    if track is None and settings.no_face == "skip":
        return None
    track = track or centre(*frames.shape[:3])
    return _Faces(crop_faces(frames, track.boxes, margin=settings.margin, size=settings.face_size), track)


def _item(
    path: Path,
    chosen: Sequence[Window],
    faces: Sequence[_Faces | None],
    times: Sequence[NDArray[np.float64]],
    samples: Sequence[Samples],
    reader: str,
) -> MediaItem:
    clips = [
        _clip(window, seen, when, sound, 0)
        for window, seen, when, sound in zip(chosen, faces, times, samples, strict=True)
        if seen is not None
    ]
    if not clips:
        raise BadMedia(path, "no_face", "no face found in it", "Keep such items with preprocess.no_face=centre")
    return MediaItem(media_id="", content="", clips=tuple(clips), reader=reader)


def _clip(window: Window, faces: _Faces | None, times: NDArray[np.float64], samples: Samples, face_size: int) -> Clip:
    empty = centre(0, 0, 0)
    track = faces.track if faces else empty
    return Clip(
        start_s=window.start_s,
        end_s=window.end_s,
        faces=faces.crops if faces else np.zeros((0, face_size, face_size, 3), np.uint8),
        face_times=times.astype(np.float32),
        boxes=track.boxes,
        landmarks=track.landmarks,
        confidence=track.confidence,
        audio=samples,
    )
