"""Real and fake files of one dataset, and clips of which one half is the real file and the other half the fake one.

n tokens of one encoder in the real clip, m in the fake one, D width of its tokens
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.spec import Modality
from unmask.evaluation.explanation.clip_parts import Span
from unmask.evaluation.explanation.masked_clip import Tokens
from unmask.manifests.manifest import MediaRow, Split
from unmask.train.data.token_data import TokenData

Half = Literal["first", "second"]
HALVES: tuple[Half, ...] = ("first", "second")
PARTNERS = 3
"""Real files per fake one."""
SHORTEST_S = 1.5
"""A clip whose halves are shorter says little about either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    real: MediaRow
    fake: MediaRow
    modality: Modality
    """That is fake in `fake`."""
    same_source: bool


def list_pairs(rows: Sequence[MediaRow], split: Split, scorable: Mapping[str, int], *, seed: int = 0) -> list[Pair]:
    """Up to PARTNERS pairs per fake audio file or video of `split` and modality that is fake in it.

    With real files of its own source where there are any, else with others of its dataset.
    """
    random, found = np.random.default_rng(seed), []
    mine = [row for row in rows if row.split == split and row.kind != "image" and row.media_id in scorable]
    for fake in (row for row in mine if row.label == 1):
        reals = [row for row in mine if row.label == 0 and (row.dataset, row.kind) == (fake.dataset, fake.kind)]
        same = [row for row in reals if set(row.sources) & set(fake.sources)]
        chosen = same or reals
        order = random.permutation(len(chosen))[:PARTNERS].tolist()
        found += [
            Pair(real=chosen[one], fake=fake, modality=modality, same_source=bool(same))
            for one in order
            for modality in _list_faked(fake)
        ]
    return found


def _list_faked(row: MediaRow) -> Iterator[Modality]:
    if row.video_fake and row.kind == "video":
        yield "image"
    if row.audio_fake:
        yield "audio"


def mix_tokens(data: TokenData, names: Sequence[str], pair: Pair, real: int, fake: int, half: Half) -> Tokens:
    """Tokens of the clip `real` with those of `fake` in the place of one half, in the modality that is fake."""
    return {
        name: _replace_half(_take(data, name, real), _take(data, name, fake), half)
        for name in names
        if data.modality(name) == pair.modality and _take(data, name, real).shape[0]
    }


def fill_with_half(data: TokenData, names: Sequence[str], clip: int, shown: Tokens, half: Half) -> Tokens:
    """The half of `shown`, tokens of `clip`, stretched over the whole clip, for every encoder: this half alone."""
    filled = {}
    for name in names:
        x_nD = shown[name] if name in shown else _take(data, name, clip)
        middle = len(x_nD) // 2
        chosen = x_nD[:middle] if half == "first" else x_nD[middle:]
        if len(chosen):
            filled[name] = chosen[torch.from_numpy(_stretch(len(chosen), len(x_nD)))]
    return filled


def whole_tokens(data: TokenData, names: Sequence[str], pair: Pair, real: int, fake: int) -> Tokens:
    """Both halves replaced."""
    both: dict[str, torch.Tensor] = {}
    for name in names:
        own, other = _take(data, name, real), _take(data, name, fake)
        if data.modality(name) == pair.modality and len(own) and len(other):
            both[name] = other[torch.from_numpy(_stretch(len(other), len(own)))]
    return both


def has_halves(span: Span) -> bool:
    return (span[1] - span[0]) / 2 >= SHORTEST_S


def _replace_half(real_nD: torch.Tensor, fake_mD: torch.Tensor, half: Half) -> torch.Tensor:
    if not len(fake_mD):
        return real_nD
    mixed, middle = real_nD.clone(), len(real_nD) // 2
    place = slice(0, middle) if half == "first" else slice(middle, None)
    mixed[place] = fake_mD[torch.from_numpy(_stretch(len(fake_mD), len(real_nD)))][place]
    return mixed


def _stretch(count: int, to: int) -> NDArray[np.int64]:
    """(to,) positions among `count` tokens, evenly."""
    return np.arange(to) * count // to


def _take(data: TokenData, name: str, clip: int) -> torch.Tensor:
    return data.streams[name].take(np.array([clip]))[0].float().cpu()
