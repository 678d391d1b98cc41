"""Layers of one network that a profile keeps apart: which encoders they are, and the slots that their tokens share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import EncoderSpec

Mixtures = Sequence[Sequence[str]]
"""Encoders whose tokens share slots; encoders that are in none have slots of their own."""


def find_mixtures(specs: Mapping[str, EncoderSpec]) -> tuple[tuple[str, ...], ...]:
    """Encoders of one network, weights and rate that differ in their layer: each has a token where the others have one.

    In the order of `specs`; encoders without a layer belong to none.
    """
    groups: dict[str, list[str]] = {}
    for name, spec in specs.items():
        if spec.layer is not None:
            groups.setdefault(spec.network, []).append(name)
    return tuple(tuple(names) for names in groups.values() if len({specs[name].layer for name in names}) > 1)


def group_encoders(names: Sequence[str], mixtures: Mixtures) -> list[tuple[str, ...]]:
    """`names` in the groups whose tokens share slots, each at the place of its first encoder."""
    group_of = {name: tuple(group) for group in mixtures for name in group}
    return list(dict.fromkeys(group_of.get(name, (name,)) for name in names))


def count_slots(lengths: Mapping[str, NDArray[np.int64]], mixtures: Mixtures) -> NDArray[np.int64]:
    """(B,) slots that the tokens of each encoder (B,) take together."""
    groups = group_encoders(list(lengths), mixtures)
    slots: NDArray[np.int64] = np.sum([count_shared(lengths, group) for group in groups], axis=0, dtype=np.int64)
    return slots


def count_shared(lengths: Mapping[str, NDArray[np.int64]], group: Sequence[str]) -> NDArray[np.int64]:
    """(B,) slots of the encoders of one `group`, which share them."""
    slots: NDArray[np.int64] = np.max([lengths[name] for name in group], axis=0)
    return slots


def align_layers(lengths: Mapping[str, NDArray[np.int64]], mixtures: Mixtures) -> dict[str, NDArray[np.int64]]:
    """(B,) tokens of each encoder; none of a layer that has fewer than the others of its network.

    That is a clip whose tokens of one layer could not be stored.
    """
    aligned = dict(lengths)
    for group in mixtures:
        most = np.max([lengths[name] for name in group], axis=0)
        aligned |= {name: lengths[name] * (lengths[name] == most) for name in group}
    return aligned
