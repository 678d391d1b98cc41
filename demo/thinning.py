"""Scale a dataset of the corpus down: fewer groups of identities, fewer files per group."""

from __future__ import annotations

from unmask.demo.items import Item

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
