"""Suggestions for misspelt names in error hints."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# difflib's ratio: 0.95 for "fakeavcelb" and "fakeavceleb", 0.5 for "full" and "tall".
LEAST_LIKENESS = 0.65
# Shorter beginnings fit too many names.
SHORTEST_BEGINNING = 3


def suggest(name: str, known: Iterable[str]) -> str:
    """ "did you mean full-cdan? " with the known name closest to `name`; "" if none is close."""
    close = find_closest(name, known)
    return f"did you mean {close}? " if close else ""


def find_closest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or the first that begins with it. Case, "-" and "_" do not matter."""
    by_form = {_normalize(one): one for one in known}
    wanted = _normalize(name)
    close = difflib.get_close_matches(wanted, by_form, n=1, cutoff=LEAST_LIKENESS)
    if not close and len(wanted) >= SHORTEST_BEGINNING:
        close = [form for form in by_form if form.startswith(wanted)]
    return by_form[close[0]] if close else None


def _normalize(name: str) -> str:
    return name.lower().replace("_", "-")
