"""Which genuine partner each file gets: one partner per block of real and fake files.

N files, P partners
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Draw:
    """One partner for each file."""

    partner: NDArray[np.int64]
    """(N,) position among the partners; -1 if all of them share a group with a file of the block."""
    block: NDArray[np.int64]
    """(N,) files of a block have the same partner."""


def draw_partners(
    is_fake: NDArray[np.bool_], group: NDArray[np.int64], partner_group: NDArray[np.int64], random: np.random.Generator
) -> Draw:
    """Deal the files to as many blocks as the rarer class has files, so that each block has both classes.

    Each block gets a partner of another group than all of its files; every partner is used before one is used again.
    """
    blocks = max(1, min(int(is_fake.sum()), int((~is_fake).sum())))
    block = np.empty(len(is_fake), np.int64)
    for rows in (np.flatnonzero(is_fake), np.flatnonzero(~is_fake)):
        block[random.permutation(rows)] = np.arange(len(rows)) % blocks
    queue = random.permutation(len(partner_group)).tolist()
    chosen = np.full(blocks, -1, np.int64)
    for number in range(blocks):
        taken = set(group[block == number].tolist())
        place = next((place for place, one in enumerate(queue) if int(partner_group[one]) not in taken), None)
        if place is not None:
            chosen[number] = queue.pop(place)
            queue.append(int(chosen[number]))
    return Draw(chosen[block], block)
