"""Findings that are open: the campaign counts them apart, and fails for others only."""

from __future__ import annotations

HEADER = "a shard whose header is damaged is left out of the counts without a word; `cache verify` names it"

KNOWN: dict[tuple[str, str], str] = {
    ("cache ls", fault): HEADER for fault in ("a cut in an input", "16 flipped bits in an input")
}
"""(stage, fault) -> why."""
