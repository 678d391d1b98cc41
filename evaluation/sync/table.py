"""Sync per category as a table: headings and cells for the terminal and the report."""

from __future__ import annotations

from unmask.evaluation.sync.results import TOLERATED_MS, SyncRow

TITLE = "Mouth and audio in time, by the sync encoder"
MEANING = (
    "How well mouth and audio fit differs by source, so a better or worse fit alone says nothing about a file. "
    f"An offset beyond {TOLERATED_MS} ms is more than dubbing or encoders leave."
)
HEADINGS = ("files", "offset, ms", f"beyond {TOLERATED_MS} ms", "fit", "said to fit")


def format_row(row: SyncRow) -> tuple[str, ...]:
    """Cells under HEADINGS."""
    fits = "n/a" if row.fits is None else f"{row.fits:.0%}"
    return (str(row.files), f"{row.offset_ms:+.0f}", f"{row.moved:.0%}", f"{row.fit:.2f}", fits)


def name_row(row: SyncRow) -> str:
    return f"{row.dataset}: {row.category}"
