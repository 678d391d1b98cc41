"""Findings that are open: the campaign counts them apart, and fails for others only."""

from __future__ import annotations

KNOWN: dict[tuple[str, str], str] = {}
"""(stage, fault) -> why. Empty: none is open."""
