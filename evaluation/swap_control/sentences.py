"""The swap control in words."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.evaluation.swap_control.results import MOST_LOST, OTHER, Part, SwapFigure
from unmask.metrics.binary import ENOUGH_ITEMS

PARTNER = {"image": "a genuine image", "audio": "genuine audio"}
FAKE = {"image": "a fake image", "audio": "fake audio"}


def describe_swap(part: Part, figures: Sequence[SwapFigure], *, n_real: int, n_fake: int, partners: int) -> str:
    """What the figures of a part say; `figures` empty: too few files."""
    partner, fake = PARTNER[OTHER[part]], FAKE[part]
    if not figures:
        return (
            f"Swap control of the {part}: too few files: {n_real} real and {n_fake} fake ones by their {part} label, "
            f"{partners} with {partner}; at least {ENOUGH_ITEMS} of each are needed."
        )
    by_name = {(one.score, one.same_partner): one for one in figures}
    joint, same, own = by_name["joint", False], by_name["joint", True], by_name["part", False]
    span = f", 95 % interval {joint.interval[0]:+.3f} to {joint.interval[1]:+.3f}" if joint.interval else ""
    change = f"AUC {joint.alone:.3f} alone, {joint.swapped:.3f} beside it ({joint.difference:+.3f}{span})"
    begin = f"{partner[0].upper()}{partner[1:]}"
    if joint.loses and same.loses:
        return f"{begin} hides {fake}: {change}. {_describe_own(part, own)}"
    if joint.loses:
        order = f"beside the same {OTHER[part]} the order stays ({same.alone:.3f}, {same.swapped:.3f})"
        why = "a partner that is itself suspected raises real and fake files alike"
        return f"{begin} blurs {fake}: {change}, but {order}: {why}. {_describe_own(part, own)}"
    if joint.interval is None or joint.interval[0] < -MOST_LOST:
        return f"Not shown that {partner} does not hide {fake}: {change}; too few groups to tell."
    return f"{begin} does not hide {fake}: {change}."


def _describe_own(part: Part, own: SwapFigure) -> str:
    change = f"The {part} score goes from {own.alone:.3f} to {own.swapped:.3f}"
    return f"{change} and is deceived too." if own.loses else f"{change}: look at it where a file has both."
