"""The swap control in words."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.evaluation.swap_control.results import MOST_LOST, OTHER, Part, SwapFigure
from unmask.metrics.binary import ENOUGH_ITEMS


def describe_swap(part: Part, figures: Sequence[SwapFigure], *, n_real: int, n_fake: int, partners: int) -> str:
    """What the figures of a part say; `figures` empty: too few files."""
    other = OTHER[part]
    if not figures:
        return (
            f"Swap control of the {part}: too few files: {n_real} real and {n_fake} fake ones by their {part} label, "
            f"{partners} with a genuine {other}; at least {ENOUGH_ITEMS} of each are needed."
        )
    joint = next(one for one in figures if one.score == "joint" and not one.same_partner)
    own = next(one for one in figures if one.score == "part" and not one.same_partner)
    span = f", 95 % interval {joint.interval[0]:+.3f} to {joint.interval[1]:+.3f}" if joint.interval else ""
    figures_text = f"AUC {joint.alone:.3f} alone, {joint.swapped:.3f} beside it ({joint.difference:+.3f}{span})"
    article = "A genuine image" if other == "image" else "Genuine audio"
    fake = "a fake image" if part == "image" else "fake audio"
    if joint.loses:
        return f"{article} hides {fake}: {figures_text}. {_describe_part(part, own)}"
    if joint.interval is None or joint.interval[0] < -MOST_LOST:
        lower = f"{article[0].lower()}{article[1:]}"
        return f"Not shown that {lower} does not hide {fake}: {figures_text}; too few groups to tell."
    return f"{article} does not hide {fake}: {figures_text}."


def _describe_part(part: Part, own: SwapFigure) -> str:
    change = f"The {part} score goes from {own.alone:.3f} to {own.swapped:.3f}"
    return f"{change} and is deceived too." if own.loses else f"{change}: look at it where a file has both."
