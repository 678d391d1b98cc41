"""A formant-synthesised voice that reads a text: pulses of the vocal cords, vowels as resonances, consonants as noise.

The syllables come from the text's own vowels and consonants, so that a transcript tells what is said. Everything is
mono float32 at `RATE` Hz.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from unmask.demo.identities import Voice

RATE = 24_000
Wave = NDArray[np.float32]
"""float32 (S,) at RATE Hz, about -1..1."""

# First three formants in Hz of an average adult, after Peterson and Barney (1952), rounded.
VOWELS: dict[str, tuple[float, float, float]] = {
    "a": (730, 1250, 2550),
    "e": (530, 1840, 2480),
    "i": (300, 2250, 2950),
    "o": (520, 900, 2420),
    "u": (320, 900, 2260),
}
BANDWIDTHS = (70.0, 95.0, 130.0, 220.0)
FOURTH_FORMANT = 3500.0
# What a consonant does before its vowel: noise centred on so many Hz, for so many seconds, this loud.
CONSONANTS: dict[str, tuple[float, float, float]] = {
    **dict.fromkeys("sz", (6500, 0.085, 0.32)),
    **dict.fromkeys("fvhjx", (4200, 0.070, 0.16)),
    **dict.fromkeys("tkqc", (3800, 0.028, 0.42)),
    **dict.fromkeys("pbdg", (1400, 0.022, 0.34)),
}
PAUSE_S = 0.22
# A syllable dies away within the first of the next one: up to so many of its own lengths.
OVERLAP = 1.08


@dataclass(frozen=True, slots=True)
class Syllable:
    start: float
    """Seconds."""
    length: float
    vowel: str
    onset: str
    """Its first consonant, "" without one."""
    loud: float
    pitch: float
    """Factor on the voice's mean pitch."""


@dataclass(frozen=True, slots=True)
class Speech:
    """When which syllable is spoken, before any sound is made."""

    text: str
    syllables: tuple[Syllable, ...]
    duration: float
    """Seconds, silence at both ends included."""

    def loudness(self, times: NDArray[np.float64]) -> NDArray[np.float32]:
        """0..1 at each time (rising, in seconds): what the mouth follows, in the picture as in the sound."""
        level = np.zeros(len(times))
        for syllable in self.syllables:
            first, last = np.searchsorted(times, [syllable.start, syllable.start + OVERLAP * syllable.length])
            swell = syllable.loud * _swell((times[first:last] - syllable.start) / syllable.length)
            level[first:last] = np.maximum(level[first:last], swell)
        return level.astype(np.float32)


def plan(voice: Voice, sentences: list[str], duration: float, lead: float, rng: np.random.Generator) -> Speech:
    """As much of `sentences` as fits whole words into `duration` seconds, after `lead` seconds of silence."""
    now = lead
    spoken: list[str] = []
    syllables: list[Syllable] = []
    for sentence in sentences:
        for word in sentence.split():
            parts = _syllables_of(word)
            lengths = rng.uniform(0.75, 1.3, len(parts)) / voice.syllables_per_second
            if now + lengths.sum() > duration - 0.08:
                return Speech(" ".join(spoken), tuple(syllables), duration)
            spoken.append(word)
            for (onset, vowel), length in zip(parts, lengths, strict=True):
                tune = 2 ** (voice.melody * rng.uniform(-0.5, 0.5) - 0.06 * (now - lead))
                syllables.append(Syllable(now, float(length), vowel, onset, rng.uniform(0.55, 1.0), float(tune)))
                now += float(length)
            now += PAUSE_S if word[-1] in ".," else 0.04
    return Speech(" ".join(spoken), tuple(syllables), duration)


def speak(voice: Voice, speech: Speech, rng: np.random.Generator) -> Wave:
    """The dry sound of `speech`, RMS of its loud parts about 0.1."""
    count = round(speech.duration * RATE)
    times = np.arange(count) / RATE
    voiced = _cords(voice, speech, times, rng)
    sound = np.zeros(count, np.float32)
    for vowel, weight in _vowel_weights(speech, times).items():
        sound += _resonate(voiced * weight, vowel, voice)
    sound /= np.sqrt(np.mean(sound**2)) + 1e-6
    sound += _consonants(speech, count, rng)
    return (0.1 * sound).astype(np.float32)


def _cords(voice: Voice, speech: Speech, times: NDArray[np.float64], rng: np.random.Generator) -> Wave:
    """Glottal pulses with a melody, a little unsteadiness and breath."""
    knots = [syllable.start + 0.5 * syllable.length for syllable in speech.syllables] or [0.0]
    tune = np.interp(times, knots, [syllable.pitch for syllable in speech.syllables] or [1.0])
    slow = np.interp(
        times, np.linspace(0, times[-1], int(times[-1] * 30) + 2), rng.normal(0, 1, int(times[-1] * 30) + 2)
    )
    phase = np.cumsum(voice.pitch * tune * (1 + 0.012 * slow) / RATE) % 1.0
    # The flow opens slowly and closes fast (Rosenberg); its slope is what excites the vocal tract.
    flow = np.where(phase < 0.6, 0.5 - 0.5 * np.cos(np.pi * phase / 0.6), np.cos(0.5 * np.pi * (phase - 0.6) / 0.15))
    flow = np.where(phase < 0.75, flow, 0.0)
    pulses = np.diff(flow, prepend=0.0) * 12 * (1 + 0.06 * slow)
    source = pulses + voice.breath * rng.standard_normal(len(times)) * (0.4 + flow)
    dull = signal.lfilter([1 - voice.tilt * 0.6], [1, -voice.tilt * 0.6], source)
    voiced: Wave = (dull * speech.loudness(times)).astype(np.float32)
    return voiced


def _vowel_weights(speech: Speech, times: NDArray[np.float64]) -> dict[str, Wave]:
    """How much of each vowel sounds at each time; neighbours glide into each other over 40 ms."""
    weights = {vowel: np.zeros(len(times), np.float32) for vowel in sorted({s.vowel for s in speech.syllables})}
    for syllable in speech.syllables:
        first, last = int(syllable.start * RATE), int((syllable.start + syllable.length) * RATE)
        weights[syllable.vowel][first:last] = 1.0
    glide = np.ones(int(0.04 * RATE), np.float32) / int(0.04 * RATE)
    return {vowel: signal.fftconvolve(weight, glide, "same").astype(np.float32) for vowel, weight in weights.items()}


def _resonate(source: Wave, vowel: str, voice: Voice) -> Wave:
    """The vowel's formants, one resonator after another."""
    for formant, bandwidth in zip((*VOWELS[vowel], FOURTH_FORMANT), BANDWIDTHS, strict=True):
        radius = np.exp(-np.pi * bandwidth / RATE)
        turn = 2 * np.cos(2 * np.pi * min(formant * voice.tract, RATE * 0.45) / RATE)
        gain = 1 - radius * turn + radius**2
        source = signal.lfilter([gain], [1, -radius * turn, radius**2], source)
    return source.astype(np.float32)


def _consonants(speech: Speech, count: int, rng: np.random.Generator) -> Wave:
    sound = np.zeros(count, np.float32)
    for syllable in speech.syllables:
        if syllable.onset not in CONSONANTS:
            continue
        centre, length, loud = CONSONANTS[syllable.onset]
        first = max(0, int((syllable.start - 0.4 * length) * RATE))
        size = min(int(length * RATE), count - first)
        band = signal.butter(2, [centre * 0.7, min(centre * 1.4, RATE * 0.48)], "bandpass", fs=RATE, output="sos")
        noise = signal.sosfilt(band, rng.standard_normal(size)) * np.hanning(size + 2)[1:-1]
        sound[first : first + size] += (3 * loud * syllable.loud * noise).astype(np.float32)
    return sound


def _swell(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """A syllable's envelope over its length (0..1): a quick rise, a slower fall."""
    rise = np.clip(part / 0.22, 0, 1)
    return np.minimum(rise, np.clip((OVERLAP - part) / 0.45, 0, 1))


def _syllables_of(word: str) -> list[tuple[str, str]]:
    """(first consonant before it, vowel) for each group of vowels in the word."""
    letters = re.sub(r"[^a-z]", "", word.lower()).replace("y", "i").replace("w", "u")
    groups = re.findall(r"([^aeiou]*)([aeiou]+)", letters)
    return [(before[:1], vowels[0]) for before, vowels in groups] or [(letters[:1], "e")]
