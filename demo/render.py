"""Makes the file that an item describes. Everything random comes from the seed and the item's own names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from unmask.demo.camera import Actor, Camera
from unmask.demo.drawing import Field
from unmask.demo.encoding import FPS, write_audio, write_image, write_video
from unmask.demo.identities import make_rng, person
from unmask.demo.items import Item, Keys
from unmask.demo.manipulations import forged_head, generated, out_of_sync, vocoded
from unmask.demo.scenes import Frame, Scene
from unmask.demo.sentences import sentences
from unmask.demo.speech_synthesis import RATE, Speech, Wave, plan, speak

# Silence before the first word in seconds, and the level of the room's noise below the voice in dB: from, to.
SILENCE = (0.05, 0.5)
NOISE_DB = (38.0, 24.0)


def write_item(out: Path, seed: int, item: Item) -> None:
    """Write the item's file under `out`, whose folders exist."""
    path = out / item.path
    if item.kind == "audio":
        write_audio(path, sound_of(seed, item), item.quality_value)
    elif item.kind == "image":
        write_image(path, picture_of(seed, item), item.quality_value)
    else:
        sound = sound_of(seed, item) if item.voice else None
        write_video(path, frames_of(seed, item), sound, item.quality_value)


def text_of(seed: int, item: Item) -> str:
    """What is heard in it, to the last word."""
    return _speech(seed, item, item.dubbed or item.speech).text


def picture_of(seed: int, item: Item) -> Frame:
    """The item's picture, uint8 (H, W, 3): a portrait, or one frame of a recording seen closer."""
    rng = make_rng(seed, "moment", item.path)
    moment = rng.uniform(0, 8) if item.frame is None else item.first_second + item.frame / FPS
    times = np.array([moment])
    mouth = (
        np.array([max(0.0, rng.uniform(-0.6, 0.7))], np.float32) if item.frame is None else _opening(seed, item, times)
    )
    return next(_camera(seed, item).film(times, mouth))


def frames_of(seed: int, item: Item) -> Iterator[Frame]:
    """All frames of a clip, uint8 (H, W, 3) each."""
    return _camera(seed, item).film(_times(item), mouth_of(seed, item))


def mouth_of(seed: int, item: Item) -> Field:
    """How far the mouth is open in each frame of a clip, float32 (T,), 0..1."""
    mouth = _opening(seed, item, _times(item))
    return out_of_sync(mouth, make_rng(seed, "late", item.path)) if item.late_mouth else mouth


def sound_of(seed: int, item: Item) -> Wave:
    """The item's sound at RATE: the voice, forged if it is, then a room's echo and noise as for every other."""
    rng = make_rng(seed, "sound", item.path)
    spoken = item.dubbed or item.speech
    dry = speak(person(seed, *item.voice).voice, _speech(seed, item, spoken), make_rng(seed, "speak", *spoken))
    return _recorded(vocoded(dry, rng) if item.vocoded else dry, item, rng)


def _opening(seed: int, item: Item, times: NDArray[np.float64]) -> Field:
    """Loudness of the item's own speech, a little slowed as lips are."""
    speech = _speech(seed, item, item.speech)
    around = [speech.loudness(times + shift) for shift in (-0.03, 0.0, 0.03)]
    opening: Field = np.mean(around, axis=0).astype(np.float32)
    return opening


def _speech(seed: int, item: Item, spoken: Keys) -> Speech:
    rng = make_rng(seed, "speech", *spoken)
    voice = person(seed, *spoken[:2]).voice
    lead = SILENCE[0] + (SILENCE[1] - SILENCE[0]) * item.silence if item.voice else 0.0
    # A silent clip is cut out of a longer recording.
    duration = item.duration if item.voice else 8.0
    return plan(voice, sentences(rng, 6), duration, lead, rng)


def _times(item: Item) -> NDArray[np.float64]:
    """Seconds into the recording of each frame of the clip."""
    return item.first_second + np.arange(round(item.duration * FPS)) / FPS


def _camera(seed: int, item: Item) -> Camera:
    width, height = item.shape
    scene = Scene(seed, *item.scene, width=width, height=height, zoom=item.zoom)
    who = person(seed, *item.who)
    rng = make_rng(seed, "camera", item.path)
    if item.recipe == "generated":
        return Camera(scene, scene.head(who), who, rng, alter=lambda frame: generated(frame, rng))
    actor: Actor = scene.head(who)
    if item.recipe:
        actor = forged_head(item.recipe, scene, who, person(seed, *item.donor), rng)
    return Camera(scene, actor, who, rng)


def _recorded(dry: Wave, item: Item, rng: np.random.Generator) -> Wave:
    """The voice in a room: a short echo, then noise below it; the loudness varies from recording to recording."""
    tail = np.exp(-np.arange(int(0.25 * RATE)) / (RATE * rng.uniform(0.02, 0.06)))
    echo = rng.standard_normal(len(tail)) * tail * rng.uniform(0.004, 0.02)
    echo[0] = 1.0
    wet = signal.fftconvolve(dry, echo)[: len(dry)]
    below = NOISE_DB[0] + (NOISE_DB[1] - NOISE_DB[0]) * item.noise
    hiss = signal.lfilter([1.0], [1.0, -0.85], rng.standard_normal(len(dry)))
    level = np.sqrt(np.mean(wet**2))
    noisy = wet + hiss / hiss.std() * level * 10 ** (-below / 20)
    loud = noisy * rng.uniform(0.5, 1.2)
    return np.asarray(loud * min(1.0, 0.95 / np.abs(loud).max()), np.float32)
