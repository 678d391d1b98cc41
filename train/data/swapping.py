"""Swap augmentation: training clips that get the image or the audio of another training clip.

N draws of an epoch, C clips of the table, M modalities (batch.MODALITIES)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import Modality
from unmask.train.data.batch import MODALITIES

SWAPPED: tuple[Modality, Modality] = ("image", "audio")
_OTHER = {MODALITIES.index(one): MODALITIES.index(two) for one, two in (SWAPPED, SWAPPED[::-1])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is known about the image and the audio of the clips; the columns of the other modalities are False."""

    item: NDArray[np.int64]
    """(C,) item of each clip."""
    manipulated: NDArray[np.bool_]
    genuine: NDArray[np.bool_]
    """(C, M) modalities with tokens that are known to be fake, or known to be genuine."""
    present: NDArray[np.bool_]
    """(C, M) modalities with tokens."""


def draw_swaps(
    parts: Parts, clips: NDArray[np.int64], is_fake: NDArray[np.bool_], share: float, random: np.random.Generator
) -> dict[Modality, NDArray[np.int64]]:
    """`Sources` of the draws `clips` (N,), about `share` of which are swapped; empty if none is.

    A swapped clip keeps its image or its audio, by chance where it has both, and takes the other from another draw, so
    that datasets give as often as they are drawn. It keeps its class `is_fake` (N,): beside a fake part comes a genuine
    one, beside any other part of a fake clip a fake one, and a real clip needs two parts that are known to be genuine.
    Text and metadata describe the whole recording: a swapped clip has none.
    """
    chance_N, side_N, giver_N = random.random((3, len(clips)))
    image, audio = map(MODALITIES.index, SWAPPED)
    has_image, has_audio = parts.present[clips, image], parts.present[clips, audio]
    own = np.where(has_image & (~has_audio | (side_N < 0.5)), image, audio)
    fake_part, genuine_part = parts.manipulated[clips, own], parts.genuine[clips, own]
    wanted = (chance_N < share) & (has_image | has_audio) & (is_fake | genuine_part)
    wants_fake = is_fake & ~fake_part
    givers = np.full(len(clips), -1, np.int64)
    for kept, taken in _OTHER.items():
        for fake, known in ((False, parts.genuine), (True, parts.manipulated)):
            rows, pool = wanted & (own == kept) & (wants_fake == fake), clips[known[clips, taken]]
            if len(pool):
                givers[rows] = pool[(giver_N[rows] * len(pool)).astype(np.int64)]
    swapped = (givers >= 0) & (parts.item[givers] != parts.item[clips])
    if not swapped.any():
        return {}
    sources: dict[Modality, NDArray[np.int64]] = {
        modality: np.where(swapped, -1, clips) for modality in MODALITIES if modality not in SWAPPED
    }
    for modality, column in zip(SWAPPED, (image, audio), strict=True):
        sources[modality] = np.where(swapped & (own != column), givers, clips)
    return sources
