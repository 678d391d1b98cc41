"""Charts of the audit: an AUC with its interval, and distributions of numbers over real and fake files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from unmask.core.html.svg_charts import draw_histogram, fit_axis
from unmask.manifests.audit.results import FLAG_ABOVE, ProbeLine, Spread

WIDTH, HEIGHT, EDGE = 170, 20, 6


@dataclass(frozen=True, slots=True)
class Chart:
    caption: str
    svg: Markup


def draw_auc(line: ProbeLine) -> Markup:
    """A dot between 0 and 1 with its interval; the lines mark chance (0.5) and the threshold of flags."""
    if line.auc is None:
        return Markup("")
    middle = HEIGHT / 2
    parts = [Markup('<path class="{}" d="M{:.1f} 1V{}"/>').format(style, _scale(at), HEIGHT - 1) for style, at in TICKS]
    if line.interval:
        low, high = (_scale(value) for value in line.interval)
        parts.append(Markup('<path class="reach" d="M{:.1f} {}H{:.1f}"/>').format(low, middle, high))
    parts.append(Markup('<circle cx="{:.1f}" cy="{}" r="4"/>').format(_scale(line.auc), middle))
    head = Markup('<svg class="auc {}" role="img" viewBox="0 0 {} {}" aria-label="AUC {:.3f}">')
    return head.format(line.verdict, WIDTH, HEIGHT, line.auc) + Markup("").join(parts) + Markup("</svg>")


TICKS = (("edge", 0.0), ("coin", 0.5), ("limit", FLAG_ABOVE), ("edge", 1.0))


def _scale(value: float) -> float:
    return EDGE + value * (WIDTH - 2 * EDGE)


def draw_distributions(spreads: Sequence[Spread]) -> list[Chart]:
    return [_draw_chart(one) for one in spreads if one.real_shares or one.fake_shares]


def list_constants(spreads: Sequence[Spread]) -> list[str]:
    """Such as "resolution, shorter side: 256 px in every file"."""
    flat = [one for one in spreads if not one.real_shares and not one.fake_shares]
    return [f"{one.name}: {one.edges[0]:g} {one.unit} in every file" for one in flat]


def _draw_chart(one: Spread) -> Chart:
    """Bins are equal between the edges; the axis only labels them."""
    low, high = one.edges
    x = fit_axis(f"{one.name} ({one.unit})", [low, high])
    x = type(x)(x.label, low, high, tuple(tick for tick in x.ticks if low <= tick <= high))
    y = fit_axis("share of the class", [0.0, *one.real_shares, *one.fake_shares])
    bars = [(word, word, shares) for word, shares in (("real", one.real_shares), ("fake", one.fake_shares)) if shares]
    drawn = draw_histogram(f"{one.name} of real and fake files", bars, x, y, width=330, height=210)
    medians = [f"{word} {values[2]:,.4g}" for word, values in (("real", one.real), ("fake", one.fake)) if values]
    return Chart(f"{one.name}: median {', '.join(medians)} {one.unit}", drawn)
