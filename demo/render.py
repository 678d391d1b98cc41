"""Writes the file that an item describes. Everything random depends on the seed and the item's own names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from scipy import signal

from unmask.demo.drawing import Face, Field
from unmask.demo.encoding import FPS, write_audio, write_image, write_video
from unmask.demo.identities import make_person, make_rng
from unmask.demo.items import Item, Keys, mix
from unmask.demo.manipulations import SWAPS, delay_mouth, swap_face, upsample, vocode
from unmask.demo.scenes import Frame, Scene
from unmask.demo.speech import Speech, Wave, plan_speech, speak

# Silence before the first word in seconds, and the level of the noise below the voice in dB: from, to.
SILENCE = (0.05, 0.5)
NOISE_DB = (38.0, 24.0)


def write_item(out: Path, seed: int, item: Item) -> None:
    """Write the item's file under `out`, whose folders exist."""
    path = out / item.path
    if item.kind == "image":
        write_image(path, draw_image(seed, item), item.quality_value)
    elif item.kind == "audio":
        write_audio(path, make_audio(seed, item), item.quality_value)
    else:
        audio = make_audio(seed, item) if item.voice else None
        write_video(path, draw_frames(seed, item), audio, item.quality_value)


def transcribe(seed: int, item: Item) -> str:
    """The words of the item's audio."""
    return _plan(seed, item, item.dubbed or item.speech).text


def draw_image(seed: int, item: Item) -> Frame:
    """The item's image, uint8 (H, W, 3): a portrait, or an enlarged frame of a recording."""
    rng = make_rng(seed, "moment", item.path)
    times, mouth = [rng.uniform(0, 8)], np.array([max(0.0, rng.uniform(-0.6, 0.7))])
    if item.frame is not None:
        times = [item.first_second + item.frame / FPS]
        mouth = _open_mouth(seed, item, times)
    return next(_film(seed, item, times, mouth))


def draw_frames(seed: int, item: Item) -> Iterator[Frame]:
    """All frames of a clip, uint8 (H, W, 3) each."""
    return _film(seed, item, _list_times(item), follow_speech(seed, item))


def follow_speech(seed: int, item: Item) -> Field:
    """Opening of the mouth in each frame of a clip, float32 (T,), 0..1."""
    mouth = _open_mouth(seed, item, _list_times(item))
    return delay_mouth(mouth, make_rng(seed, "late", item.path)) if item.late_mouth else mouth


def make_audio(seed: int, item: Item) -> Wave:
    """The voice, vocoded if the item is, in the noise of a room; the loudness varies from recording to recording."""
    rng, spoken = make_rng(seed, "audio", item.path), item.dubbed or item.speech
    dry = speak(make_person(seed, *item.voice), _plan(seed, item, spoken), make_rng(seed, "speak", *spoken))
    if item.vocoded:
        dry = vocode(dry, rng)
    hiss = signal.lfilter([1.0], [1.0, -0.85], rng.standard_normal(len(dry)))
    level = np.sqrt(np.mean(dry**2)) * 10 ** (-mix(NOISE_DB, item.noise) / 20)
    loud = (dry + hiss / hiss.std() * level) * rng.uniform(0.5, 1.2)
    return np.asarray(loud * min(1.0, 0.95 / np.abs(loud).max()), np.float32)


def _open_mouth(seed: int, item: Item, times: list[float]) -> Field:
    """Loudness of the item's own speech, a little slowed as lips are."""
    moments = np.array([[-0.03], [0.0], [0.03]]) + times
    return np.asarray(_plan(seed, item, item.speech).measure_loudness(moments).mean(axis=0))


def _plan(seed: int, item: Item, spoken: Keys) -> Speech:
    lead = mix(SILENCE, item.silence) if item.voice else 0.0
    # A clip without audio is a part of a longer recording.
    duration = item.duration if item.voice else 8.0
    return plan_speech(make_person(seed, *spoken[:2]), duration, lead, make_rng(seed, "speech", *spoken))


def _list_times(item: Item) -> list[float]:
    """Seconds into the recording of each frame of the clip."""
    return [item.first_second + frame / FPS for frame in range(round(item.duration * FPS))]


def _film(seed: int, item: Item, times: list[float], mouth: Field) -> Iterator[Frame]:
    width, height = item.shape
    scene = Scene(seed, *item.scene, width=width, height=height, zoom=item.zoom)
    who, rng = make_person(seed, *item.who), make_rng(seed, "camera", item.path)
    face = Face(who, scene.light, scene.scale)
    draw = swap_face(item.recipe, face, make_person(seed, *item.donor), rng) if item.recipe in SWAPS else face.draw
    alter = partial(upsample, rng) if item.recipe == "generated" else np.asarray
    return scene.film(who, draw, alter, times, mouth, rng)
