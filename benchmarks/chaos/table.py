"""The table of a campaign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.chaos.outcome import FINDINGS, Outcome

HEADINGS = (
    "rounds",
    "wrong ends",
    "items lost",
    "bytes differing",
    "silent uses of damage",
    "leftovers",
    "of them known",
    "s per round",
    "s of work",
)


def format_table(outcomes: Sequence[Outcome], seed: int) -> str:
    """Rounds per fault and per stage, and in how many of them something was found."""
    blocks = []
    for title, key in (("fault", "fault"), ("stage", "stage")):
        names = sorted({getattr(outcome, key) for outcome in outcomes})
        rows = [_count(name, [one for one in outcomes if getattr(one, key) == name]) for name in names]
        blocks.append(_format((title, *HEADINGS), [*rows, _count("all", outcomes)]))
    return f"seed {seed}, {len(outcomes)} rounds\n\n" + "\n\n".join(blocks) + "\n"


def _count(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    found = [sum(bool(getattr(one, column)) for one in outcomes) for column in (*FINDINGS, "known")]
    times = [sum(getattr(one, column) for one in outcomes) / max(1, len(outcomes)) for column in ("seconds", "cpu_s")]
    return [name, str(len(outcomes)), *map(str, found), *(f"{time:.1f}" for time in times)]


def _format(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
