"""The corruptions of `unmask robustness`. CORRUPTIONS lists each one once; tables, charts and the cache follow it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unmask.core.errors import UsageError
from unmask.core.suggestions import suggest
from unmask.evaluation.robustness import audio_changes, image_changes, silence_changes

Stream = Literal["image", "audio"]

STRENGTHS = (1, 2, 3)
CODE = 1
"""Increased when shared code, or a library, gives other pixels or samples. Changes the key of all kept tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """One entry of CORRUPTIONS."""

    name: str
    title: str
    stream: Stream
    """What it changes. Encoders of other modalities keep their clean tokens."""
    values: tuple[float, float, float]
    """Parameter at strength 1, 2 and 3. Strength 0 is the clean file."""
    unit: str
    """How a value is written: "quality {:g}"."""
    apply: Callable[..., Any]
    """Images: apply(faces (F, S, S, 3) uint8, value, random) -> the same shape. Audio: apply(wave (A,) float32, value,
    random, rate) -> (A,); with `edits_length`: apply(audio int16, value, window, rate) -> (audio, samples later).
    """
    edits_length: bool = False
    version: int = 1
    """Increased when `apply` changes. Part of the key of the kept tokens."""

    def describe(self, strength: int) -> str:
        """For example "quality 75"; "clean" for strength 0."""
        return self.unit.format(self.values[strength - 1]) if strength else "clean"

    def make_key(self, strength: int) -> str:
        """`view` of the spec of the kept tokens. The value, not the strength, so that equal values share tokens."""
        value = repr(float(self.values[strength - 1]))
        return f"robustness-{CODE} {self.name} {self.version} value {value}"


CORRUPTIONS = (
    Corruption(
        name="jpeg",
        title="JPEG",
        stream="image",
        values=(75, 50, 25),
        unit="quality {:g}",
        apply=image_changes.compress_jpeg,
    ),
    Corruption(
        name="blur", title="blur", stream="image", values=(1, 2, 3), unit="sigma {:g} px", apply=image_changes.blur
    ),
    Corruption(
        name="resize",
        title="resize down and back",
        stream="image",
        values=(112, 56, 28),
        unit="{:g} px",
        apply=image_changes.resize,
    ),
    Corruption(
        name="image-noise",
        title="image noise",
        stream="image",
        values=(5, 10, 20),
        unit="sigma {:g} of 255",
        apply=image_changes.add_noise,
    ),
    Corruption(
        name="h264",
        title="H.264",
        stream="image",
        values=(23, 32, 40),
        unit="crf {:g}",
        apply=image_changes.compress_h264,
    ),
    Corruption(
        name="mp3",
        title="MP3",
        stream="audio",
        values=(64, 32, 16),
        unit="{:g} kbit/s",
        apply=audio_changes.compress_mp3,
    ),
    Corruption(
        name="opus",
        title="Opus",
        stream="audio",
        values=(24, 12, 6),
        unit="{:g} kbit/s",
        apply=audio_changes.compress_opus,
    ),
    Corruption(
        name="telephone",
        title="telephone, 8 kHz",
        stream="audio",
        values=(64, 12.2, 4.75),
        unit="{:g} kbit/s",
        apply=audio_changes.telephone,
    ),
    Corruption(
        name="audio-noise",
        title="audio noise",
        stream="audio",
        values=(20, 10, 0),
        unit="SNR {:g} dB",
        apply=audio_changes.add_noise,
    ),
    Corruption(
        name="trim-silence",
        title="trimmed silence",
        stream="audio",
        values=(35, 25, 15),
        unit="{:g} dB below speech",
        apply=silence_changes.trim_silence,
        edits_length=True,
    ),
    Corruption(
        name="add-silence",
        title="added silence",
        stream="audio",
        values=(0.25, 0.5, 1),
        unit="{:g} s",
        apply=silence_changes.add_silence,
        edits_length=True,
    ),
)
"""In the order of tables and charts. docs/robustness.md says how to add one."""


def choose_corruptions(names: Sequence[str]) -> tuple[Corruption, ...]:
    """Those with these names, in the order of the registry; none: all. `UsageError` for an unknown name."""
    known = [one.name for one in CORRUPTIONS]
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"no corruption {unknown[0]!r}", f"{suggest(unknown[0], known)}corruptions: {', '.join(known)}"
        )
    return tuple(one for one in CORRUPTIONS if not names or one.name in names)


def choose_strengths(strengths: Sequence[int]) -> tuple[int, ...]:
    """In rising order; none: all. `UsageError` for one that does not exist. 0, the clean files, is always measured."""
    if unknown := sorted(set(strengths) - {0, *STRENGTHS}):
        raise UsageError(f"no strength {unknown[0]}", "--strengths 1,2,3 (0, the clean files, is always there)")
    return tuple(one for one in STRENGTHS if not strengths or one in strengths)
