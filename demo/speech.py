"""A formant synthesizer that reads a text: pulses for the vowels, one resonator per formant, noise for consonants.

The syllables follow the vowels and consonants of the text. Audio is mono float32 at `RATE` Hz.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from unmask.demo.identities import Person

RATE = 24_000
Wave = NDArray[np.float32]
"""float32 (S,) at RATE Hz, about -1..1."""
Signal = NDArray[np.float64]

# First three formants in Hz of an average adult, after Peterson and Barney (1952), rounded.
VOWELS = {
    "a": (730, 1250, 2550),
    "e": (530, 1840, 2480),
    "i": (300, 2250, 2950),
    "o": (520, 900, 2420),
    "u": (320, 900, 2260),
}
BANDWIDTHS = (70.0, 95.0, 130.0)
# Consonants as noise before a vowel: seconds, loudness.
CONSONANTS = {**dict.fromkeys("szfvhjx", (0.08, 0.5)), **dict.fromkeys("tkqcpbdg", (0.026, 0.9))}
# What is said: everyday sentences, one choice of each row, drawn alike for both classes.
SENTENCES = (
    ("This morning", "After lunch", "On Monday", "In the evening", "Last winter", "Every summer", "Before noon"),
    ("my sister", "the baker", "our neighbour", "a teacher", "the gardener", "an old friend", "the driver"),
    ("walked to", "painted", "talked about", "opened", "looked after", "found", "asked for", "wrote about"),
    ("the little harbour", "a yellow door", "the station clock", "seven apples", "the garden wall", "a bowl of soup"),
    ("and it rained.", "without a word.", "as usual.", "for an hour.", "with great care.", "near the market."),
)
PAUSE_S = 0.22
# A syllable ends within the next one: its whole length relative to the nominal one.
OVERLAP = 1.08


@dataclass(frozen=True, slots=True)
class Syllable:
    start: float
    """Seconds."""
    length: float
    vowel: str
    onset: str
    """Its first consonant, "" without one."""
    loudness: float
    pitch: float
    """Factor on the mean pitch of the voice."""

    def swell(self, times: Signal) -> Signal:
        """Envelope at these seconds: a quick rise, a slower fall."""
        share = (times - self.start) / self.length
        return self.loudness * np.clip(np.minimum(share / 0.22, (OVERLAP - share) / 0.45), 0, 1)


@dataclass(frozen=True, slots=True)
class Speech:
    """The timing of all syllables, before any audio exists."""

    text: str
    syllables: tuple[Syllable, ...]
    duration: float
    """Seconds, with the silence at both ends."""

    def measure_loudness(self, times: Signal) -> NDArray[np.float32]:
        """0..1 at these seconds; both the mouth and the audio follow it."""
        levels = [syllable.swell(times) for syllable in self.syllables]
        return np.asarray(np.max(levels, axis=0, initial=0.0), np.float32)


def plan_speech(who: Person, duration: float, lead: float, rng: np.random.Generator) -> Speech:
    """As many whole words of six sentences as fit into `duration` seconds after `lead` seconds of silence."""
    words = " ".join(choices[rng.integers(len(choices))] for choices in 6 * SENTENCES).split()
    now, spoken, syllables = lead, 0, []
    for word in words:
        sounds = _split_syllables(word)
        lengths = rng.uniform(0.75, 1.3, len(sounds)) / who.syllables_per_second
        if now + lengths.sum() > duration - 0.08:
            break
        for (onset, vowel), length in zip(sounds, lengths.tolist(), strict=True):
            pitch = 2 ** (who.melody * rng.uniform(-0.5, 0.5) - 0.06 * (now - lead))
            loudness = rng.uniform(0.55, 1.0)
            syllables.append(Syllable(now, length, vowel, onset, loudness, pitch))
            now += length
        now += PAUSE_S if word.endswith(".") else 0.04
        spoken += 1
    return Speech(" ".join(words[:spoken]), tuple(syllables), duration)


def _split_syllables(word: str) -> list[tuple[str, str]]:
    """(first consonant before it, vowel) for each group of vowels in the word."""
    letters = re.sub(r"[^a-z]", "", word.lower()).replace("y", "i").replace("w", "u")
    groups = re.findall(r"([^aeiou]*)([aeiou]+)", letters)
    return [(before[:1], vowels[0]) for before, vowels in groups] or [(letters[:1], "e")]


def speak(who: Person, speech: Speech, rng: np.random.Generator) -> Wave:
    """The audio of `speech` without room or noise, RMS of its loud parts about 0.1."""
    times = np.arange(round(speech.duration * RATE)) / RATE
    source, audio = _make_pulses(who, speech, times, rng), np.zeros(len(times))
    for syllable in speech.syllables:
        first, last = np.searchsorted(times, [syllable.start, syllable.start + OVERLAP * syllable.length])
        vowel = _resonate(source[first:last] * syllable.swell(times[first:last]), syllable.vowel, who)
        audio[first:last] += syllable.loudness * vowel / (vowel.std() + 1e-6)
        if syllable.onset in CONSONANTS:
            seconds, loudness = CONSONANTS[syllable.onset]
            noise = np.diff(rng.standard_normal(int(seconds * RATE) + 1)) * np.hanning(int(seconds * RATE))
            audio[first : first + len(noise)] += syllable.loudness * loudness * noise[: len(audio) - first]
    return (0.1 * audio).astype(np.float32)


def _make_pulses(who: Person, speech: Speech, times: Signal, rng: np.random.Generator) -> Signal:
    """Glottal pulses with the melody of the syllables, and breath."""
    knots = [syllable.start + 0.5 * syllable.length for syllable in speech.syllables]
    melody = np.interp(times, knots, [syllable.pitch for syllable in speech.syllables])
    phase = np.cumsum(who.pitch * melody / RATE) % 1.0
    return np.exp(-12 * phase) + who.breath * rng.standard_normal(len(times))


def _resonate(source: Signal, vowel: str, who: Person) -> Signal:
    """One resonator per formant, in series."""
    for formant, bandwidth in zip(VOWELS[vowel], BANDWIDTHS, strict=True):
        radius = np.exp(-np.pi * bandwidth / RATE)
        turn = 2 * np.cos(2 * np.pi * formant * who.tract / RATE)
        source = signal.lfilter([1.0, -1.0], [1, -radius * turn, radius**2], source)
    return source
