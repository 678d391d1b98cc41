"""One file of the demo corpus as data, and the traits that must not tell its label.

The field's shortcuts (codec, size, quality, length, silence, which files have a transcript) are not planted here:
within a dataset both classes share the codecs, and every trait is dealt to the real and to the fake files from the same
evenly spaced values, in an order that has nothing to do with the content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from unmask.demo.identities import make_rng

Keys = tuple[str, ...]
TRAITS = ("length", "quality", "size", "silence", "noise", "text", "start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One media file to write."""

    dataset: str
    path: str
    """Relative to the corpus, with "/"."""
    kind: Literal["image", "audio", "video"]
    fake: bool
    who: Keys
    """Names the person (people.person)."""
    scene: Keys = ()
    """Names the place and the motion (scenes.Scene)."""
    donor: Keys = ()
    """Names the person whose face is blended in."""
    recipe: str = ""
    """A key of forgeries.SWAPS, "generated" for a wholly up-sampled picture, "" for a true one."""
    speech: Keys = ()
    """Names what is said on the recording's own sound; the mouth follows it."""
    voice: Keys = ()
    """Names whose voice is heard; () for no sound."""
    dubbed: Keys = ()
    """Names what is heard instead of `speech`: then the mouth fits no longer."""
    vocoded: bool = False
    late_mouth: bool = False
    zoom: float = 1.0
    sizes: tuple[tuple[int, int], ...] = ((256, 256),)
    """Width and height in pixels, to be dealt."""
    seconds: tuple[float, float] = (2.0, 3.6)
    qualities: tuple[int, int] = (20, 26)
    """JPEG quality, or x264's rate factor, or kbit/s: from, to."""
    sidecars: tuple[str, ...] = ()
    """To be dealt: endings of a transcript beside the file, "csv" for a line of transcripts.csv, "" for none."""
    frame: int | None = None
    """For a picture out of a recording: which frame of it."""
    length: float = 0.5
    quality: float = 0.5
    size: float = 0.5
    silence: float = 0.5
    noise: float = 0.5
    text: float = 0.5
    start: float = 0.5
    """Dealt traits: positions 0..1 in their ranges."""

    @property
    def duration(self) -> float:
        """Seconds, a whole number of frames at 25 a second."""
        return round(_at(self.seconds, self.length) * 25) / 25

    @property
    def quality_value(self) -> int:
        return round(_at(self.qualities, self.quality))

    @property
    def shape(self) -> tuple[int, int]:
        """Width, height."""
        return self.sizes[_index(self.size, len(self.sizes))]

    @property
    def sidecar(self) -> str:
        return self.sidecars[_index(self.text, len(self.sidecars))] if self.sidecars else ""

    @property
    def first_second(self) -> float:
        """Where the clip begins in its recording; a clip with sound begins with it."""
        return 0.0 if self.voice else 2.0 * self.start


def dealt(items: Sequence[Item], seed: int) -> list[Item]:
    """The items of one dataset with their traits: evenly spaced within each class, in a shuffled order."""
    result: dict[str, Item] = {}
    for fake in (False, True):
        members = [item for item in items if item.fake == fake]
        for trait in TRAITS:
            order = make_rng(seed, "deal", items[0].dataset, fake, trait).permutation(len(members))
            members = [
                _with(item, trait, (int(k) + 0.5) / len(members)) for item, k in zip(members, order, strict=True)
            ]
        result |= {item.path: item for item in members}
    return [result[item.path] for item in items]


def _with(item: Item, trait: str, value: float) -> Item:
    if trait == "start" and item.frame is not None:
        return item  # a picture out of a recording begins where the recording begins
    return replace(item, **{trait: value})  # type: ignore[arg-type]


def _at(ends: tuple[float, float], part: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * part


def _index(part: float, count: int) -> int:
    return min(count - 1, int(part * count))


Group = list[Item]
"""Files that share identities; the first is real, the second fake."""

LEAST_GROUPS = 3


def halves(count: int, scale: float) -> list[tuple[int, bool]]:
    """Numbers from 0, real and fake in turn: `count` at scale 1, at least two of each."""
    kept = 2 * max(2, round(count * scale / 2))
    return [(number, number % 2 == 1) for number in range(kept)]


def thinned(groups: list[Group], scale: float) -> Group:
    """Fewer groups and fewer files of each, in proportion to `scale`; a group keeps a real and a fake file."""
    wanted = round(sum(map(len, groups)) * scale)
    kept = groups[: max(LEAST_GROUPS, min(len(groups), round(len(groups) * scale)))]
    each = max(2, -(-wanted // len(kept)))
    return [item for group in kept for item in group[:each]]
