"""One media file of the demo corpus as data, and the properties that must not predict its label.

Both classes of a dataset share the codecs. Length, quality, size, silence, noise and transcripts are dealt to real and
to fake files from the same evenly spaced values, in a shuffled order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

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
    """Key of the identity that is shown (identities.make_person)."""
    scene: Keys = ()
    """Key of the background, the light and the motion (scenes.Scene)."""
    donor: Keys = ()
    """Key of the identity whose face is blended in."""
    recipe: str = ""
    """A key of manipulations.SWAPS, "generated" for an upsampled image, "" for an unchanged one."""
    speech: Keys = ()
    """Key of what is said; the mouth follows it."""
    voice: Keys = ()
    """Key of the identity that is heard; () without audio."""
    dubbed: Keys = ()
    """Key of what is heard instead of `speech`, out of step with the mouth."""
    vocoded: bool = False
    late_mouth: bool = False
    zoom: float = 1.0
    sizes: tuple[tuple[int, int], ...] = ((256, 256),)
    """Choices of width and height in pixels."""
    seconds: tuple[float, float] = (2.0, 3.6)
    qualities: tuple[int, int] = (20, 26)
    """Lowest and highest JPEG quality, x264 rate factor, or kbit/s."""
    sidecars: tuple[str, ...] = ()
    """Choices: suffix of a transcript beside the file, "csv" for a row of transcripts.csv, "" for no transcript."""
    frame: int | None = None
    """Frame number of an image that is taken from a recording."""
    length: float = 0.5
    """This and the following are positions 0..1 in their ranges, set by `deal`."""
    quality: float = 0.5
    size: float = 0.5
    silence: float = 0.5
    noise: float = 0.5
    text: float = 0.5
    start: float = 0.5

    @property
    def duration(self) -> float:
        """Seconds, a whole number of frames at 25 fps."""
        return round(mix(self.seconds, self.length) * 25) / 25

    @property
    def quality_value(self) -> int:
        return round(mix(self.qualities, self.quality))

    @property
    def shape(self) -> tuple[int, int]:
        """Width, height."""
        return self.sizes[int(self.size * len(self.sizes))]

    @property
    def sidecar(self) -> str:
        return self.sidecars[int(self.text * len(self.sidecars))] if self.sidecars else ""

    @property
    def first_second(self) -> float:
        """Start of the clip within its recording; a clip with audio starts at 0."""
        return 0.0 if self.voice else 2.0 * self.start


def mix(ends: tuple[float, float], share: float) -> float:
    """From ends[0] at share 0 to ends[1] at share 1."""
    return ends[0] + (ends[1] - ends[0]) * share


def deal(items: Sequence[Item], seed: int) -> list[Item]:
    """The items of one dataset with their traits: evenly spaced within each class, in a shuffled order."""
    traits: dict[str, dict[str, Any]] = {item.path: {} for item in items}
    for fake in (False, True):
        members = [item for item in items if item.fake == fake]
        for trait in TRAITS:
            order = make_rng(seed, "deal", items[0].dataset, fake, trait).permutation(len(members))
            for item, rank in zip(members, order, strict=True):
                # An image from a recording starts where the recording starts.
                if trait != "start" or item.frame is None:
                    traits[item.path][trait] = (int(rank) + 0.5) / len(members)
    return [replace(item, **traits[item.path]) for item in items]


def thin(groups: list[list[Item]], scale: float) -> list[Item]:
    """Fewer groups (at least three) and fewer files of each; a group keeps its first file, real, and second, fake."""
    wanted = round(sum(map(len, groups)) * scale)
    kept = groups[: max(3, round(len(groups) * scale))]
    each = max(2, -(-wanted // len(kept)))
    return [item for group in kept for item in group[:each]]
