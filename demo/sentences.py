"""What the demo's people say: everyday sentences that have nothing to do with real or fake.

They are drawn the same way for both classes, so a transcript cannot tell the label.
"""

from __future__ import annotations

import numpy as np

OPENINGS = ("this morning", "after lunch", "on monday", "in the evening", "last winter", "every summer", "before noon")
PEOPLE = ("my sister", "the baker", "our neighbour", "a teacher", "the gardener", "an old friend", "the driver")
DEEDS = ("walked to", "painted", "talked about", "opened", "looked after", "found", "asked for", "wrote about")
THINGS = (
    "the little harbour",
    "a yellow door",
    "the station clock",
    "seven apples",
    "a box of letters",
    "the garden wall",
    "an open window",
    "the evening train",
    "a bowl of soup",
    "the river path",
)
ENDINGS = ("and it rained", "without a word", "as usual", "for an hour", "with great care", "near the market")


def sentences(rng: np.random.Generator, count: int) -> list[str]:
    """`count` sentences, each with its full stop."""
    parts = (OPENINGS, PEOPLE, DEEDS, THINGS, ENDINGS)
    made = (" ".join(choices[rng.integers(len(choices))] for choices in parts) for _ in range(count))
    return [f"{text[0].upper()}{text[1:]}." for text in made]


def subtitles(text: str, duration: float, *, web: bool) -> str:
    """`text` in cues of about seven words over `duration` seconds, as SubRip or (web) WebVTT."""
    words = text.split()
    lines = [" ".join(words[start : start + 7]) for start in range(0, len(words), 7)]
    cues = []
    for index, line in enumerate(lines):
        first, last = (_clock(duration * part / len(lines), web) for part in (index, index + 1))
        cues.append(("" if web else f"{index + 1}\n") + f"{first} --> {last}\n{line}\n")
    return ("WEBVTT\n\n" if web else "") + "\n".join(cues)


def _clock(seconds: float, web: bool) -> str:
    milliseconds = round(seconds * 1000)
    mark = "." if web else ","
    return f"00:{milliseconds // 60_000:02d}:{milliseconds // 1000 % 60:02d}{mark}{milliseconds % 1000:03d}"
