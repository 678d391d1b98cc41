"""Preprocesses one media file. Runs in worker processes; loads torch, so the parent process must not import it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import decord
import numpy as np
import torch
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.core.files.read_failures import raise_disk_failure, read_or_stop
from unmask.core.hashing import hash_quickly
from unmask.media.audio.readers import VIDEO_READERS
from unmask.media.audio.waveform import Track
from unmask.media.images import read_image
from unmask.media.luma import Luma
from unmask.media.timeline import Timeline, read_timeline
from unmask.media.video_readers import FramesMissing
from unmask.preprocess.clip_audio import ClipAudio, read_clip_audio
from unmask.preprocess.clip_faces import ClipFace, ClipFaces, add_mouths, extract_faces
from unmask.preprocess.clip_frames import read_clips_with_luma, select_frames, select_mouth_frames
from unmask.preprocess.clip_masks import Region, read_regions
from unmask.preprocess.clip_windows import ClipPlan, Window
from unmask.preprocess.faces.detection import detect
from unmask.preprocess.faces.mouth import NO_MOUTH
from unmask.preprocess.faces.tracking import make_center_track
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_item import Clip, MediaItem
from unmask.preprocess.task import Task
from unmask.preprocess.thumbnail import make_thumbnail
from unmask.preprocess.trim_silence import plan_clips

Samples = NDArray[np.int16]
NO_AUDIO: Samples = np.zeros(0, np.int16)

NO_MEMORY = "allocate memory"
RESCAN = "Run `unmask scan` again"


@dataclass(frozen=True, slots=True)
class _VideoAudio:
    """Audio of a video, and the clip windows derived from it (placed where the audio is not silent)."""

    plan: ClipPlan
    audio: ClipAudio | None = None
    """None if there is none, or only zeros."""
    problem: str | None = None
    """Defect of the audio. The frames of a video with damaged or empty audio are kept."""


def start_worker() -> None:
    """Initialize a worker process: one torch thread (one worker per core), strict and silent decoders."""
    torch.set_num_threads(1)
    # Native decoders print messages without the file's name. Errors reach the report as reasons or exceptions.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.environ["DECORD_EOF_RETRY_MAX"] = "64"
    decord.logging.set_level(decord.logging.QUIET)


@cache
def warm_up() -> None:
    """Load the networks, which would otherwise count as time of the first item."""
    detect(np.zeros((1, 64, 64, 3), np.uint8), PreprocessSettings())


def preprocess_item(task: Task) -> MediaItem:
    """Clips of one file, or the reason why there are none.

    Raises `MemoryError` if it needs too much memory, `MachineFailed` if the disk or the network fails twice.
    """
    return read_or_stop(task.path, partial(_preprocess_item, task))


def _preprocess_item(task: Task) -> MediaItem:
    try:
        _check_file(task)
        item = _KINDS[task.kind](task)
    except RuntimeError as error:
        if NO_MEMORY in str(error):  # the message of torch
            raise MemoryError from error
        raise
    except BadMedia as error:
        if NO_MEMORY in error.problem:  # the message of FFmpeg's readers
            raise MemoryError from error
        item = MediaItem(
            media_id="",
            content="",
            reason=error.reason,
            problem=f"{error.problem}. {error.remedy}".rstrip(),
            thumbnail=make_thumbnail(task.path, task.kind, error.reason, max_pixels=task.settings.max_pixels),
        )
    return replace(item, media_id=task.media_id, content=task.content, text=task.text)


def _check_file(task: Task) -> None:
    if task.refused:
        raise BadMedia(task.path, "refused", task.refused)
    try:
        # Opening a pipe would block until somebody writes into it.
        if not stat.S_ISREG(task.path.stat().st_mode):
            raise BadMedia(task.path, "unreadable", "a folder, pipe, socket or device, not a file")
        content = hash_quickly(task.path)
    except FileNotFoundError as error:
        raise BadMedia(task.path, "vanished", "no longer there", RESCAN) from error
    except OSError as error:
        raise_disk_failure(error)
        raise BadMedia(
            task.path, "unreadable", f"cannot be opened ({error.strerror})", "Check its permissions"
        ) from error
    if task.content and content != task.content:
        raise BadMedia(task.path, "vanished", "changed since the scan", RESCAN)


def _preprocess_image(task: Task) -> MediaItem:
    path, settings = task.path, task.settings
    pixels, problem = read_image(path, max_pixels=settings.max_pixels)
    window, found = Window(0.0, 0.0), extract_faces(pixels[None], settings)
    clips = [
        _make_clip(window, face, np.zeros(1), NO_AUDIO, settings, number) for number, face in enumerate(found.faces)
    ]
    item = _make_item(path, clips, "pillow", ClipPlan((window,)))
    return replace(
        item, problem=problem, ambiguous_windows=int(found.ambiguous), windows_of_several_faces=int(found.several)
    )


def _preprocess_video(task: Task) -> MediaItem:
    settings = task.settings
    read = partial(read_timeline, task.path, max_pixels=settings.max_pixels, max_seconds=settings.max_seconds)
    try:
        return _preprocess_film(task, read())
    except FramesMissing:
        return _preprocess_film(task, read(decode_all=True))


def _preprocess_film(task: Task, timeline: Timeline) -> MediaItem:
    path, settings = task.path, task.settings
    track = _read_video_audio(path, timeline, settings)
    audio, windows = track.audio, track.plan.windows
    picks = [select_frames(timeline, window, settings.frames_per_clip) for window in windows]
    regions, unused = _read_mask(task, timeline, picks)
    mouths = [select_mouth_frames(timeline, window, settings.mouth_fps) for window in windows]

    def process(frames: NDArray[np.uint8], lumas: list[Luma], number: int) -> ClipFaces:
        found = extract_faces(frames, settings, regions[number])
        return add_mouths(found, lumas, timeline, mouths[number], picks[number], settings.min_confidence)

    found, reader = read_clips_with_luma(path, timeline, picks, [np.unique(each) for each in mouths], process)
    samples = [_drop_short(each, settings) for each in audio.samples] if audio else [NO_AUDIO] * len(picks)
    clips = [
        _make_clip(window, face, timeline.times[pick], clip_audio, settings, number)
        for window, each, pick, clip_audio in zip(windows, found, picks, samples, strict=True)
        for number, face in enumerate(each.faces)
    ]
    readers = dict.fromkeys((reader, *([audio.reader] if audio else [])))
    return replace(
        _make_item(path, clips, "+".join(readers), track.plan),
        problem="; ".join(filter(None, (track.problem, unused))) or None,
        quality=audio.quality if audio else None,
        ambiguous_windows=sum(each.ambiguous for each in found),
        windows_of_several_faces=sum(each.several for each in found),
    )


def _read_mask(
    task: Task, timeline: Timeline, picks: Sequence[NDArray[np.int64]]
) -> tuple[list[Region | None], str | None]:
    """The manipulated region in each window, None where it is unknown; and why the mask is not used."""
    if task.mask is None or task.settings.detector == "none":
        return [None] * len(picks), None
    return read_regions(task.mask, timeline, picks, task.settings)


def _preprocess_audio(task: Task) -> MediaItem:
    path, settings = task.path, task.settings

    def plan_of(track: Track) -> ClipPlan:
        seconds = track.end_s - track.start_s
        if seconds > settings.max_seconds:
            problem = f"{seconds:.0f} s long, over the limit of {settings.max_seconds:g} s"
            raise BadMedia(path, "refused", problem, "Cut it or raise preprocess.max_seconds")
        return plan_clips(track.start_s, track.end_s, track, settings)

    audio = read_clip_audio(path, plan_of, settings)
    if audio is None:
        raise BadMedia(path, "too_short", "no audio in it")
    pairs = zip(audio.plan.windows, audio.samples, strict=True)
    kept = [(window, samples) for window, samples in pairs if len(_drop_short(samples, settings))]
    if not kept:
        raise BadMedia(path, "too_short", f"less than {settings.min_seconds:g} s of audio")
    if not any(samples.any() for _, samples in kept):
        raise BadMedia(path, "silent", "every sample is zero")
    clips = [_make_clip(window, None, np.zeros(0), samples, settings) for window, samples in kept]
    return replace(_make_item(path, clips, audio.reader, audio.plan), quality=audio.quality)


_KINDS: dict[str, Callable[[Task], MediaItem]] = {
    "image": _preprocess_image,
    "audio": _preprocess_audio,
    "video": _preprocess_video,
}


def _read_video_audio(path: Path, timeline: Timeline, settings: PreprocessSettings) -> _VideoAudio:
    def plan_of(track: Track | None) -> ClipPlan:
        return plan_clips(timeline.start_s, timeline.end_s, track, settings, has_frames=True)

    try:
        audio = read_clip_audio(path, plan_of, settings, readers=VIDEO_READERS)
    except BadMedia as error:
        return _VideoAudio(plan_of(None), problem=error.problem)
    if audio is None:
        return _VideoAudio(plan_of(None))
    if not any(samples.any() for samples in audio.samples):  # all zeros count as missing audio
        has_samples = any(len(samples) for samples in audio.samples)
        problem = "every sample of its audio is zero" if has_samples else "no audio while its frames are shown"
        return _VideoAudio(audio.plan, problem=problem)
    return _VideoAudio(audio.plan, audio)


def _drop_short(samples: Samples, settings: PreprocessSettings) -> Samples:
    """Empty instead of audio shorter than `min_seconds`."""
    return samples if len(samples) >= settings.min_seconds * settings.sample_rate else NO_AUDIO


def _make_clip(
    window: Window,
    face: ClipFace | None,
    times: NDArray[np.float64],
    samples: Samples,
    settings: PreprocessSettings,
    number: int = 0,
) -> Clip:
    track = face.track if face else make_center_track(0, 0, 0)
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
        mouth=face.mouth.crops if face else NO_MOUTH.crops,
        mouth_found=face.mouth.found if face else NO_MOUTH.found,
    )


def _make_item(path: Path, clips: Sequence[Clip], reader: str, plan: ClipPlan) -> MediaItem:
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
