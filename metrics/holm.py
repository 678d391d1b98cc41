"""Holm's step-down correction of p-values for several tests."""

from __future__ import annotations

from collections.abc import Sequence


def correct_p_values(values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values in the given order (Holm 1979, "A simple sequentially rejective multiple test procedure").

    Rejecting every test with an adjusted value of at most 0.05 makes one false rejection or more with a probability of
    at most 0.05, however the tests depend on each other. None (no test was possible) stays None and does not count.
    """
    known = sorted((value, at) for at, value in enumerate(values) if value is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for done, (value, at) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - done) * value))
        corrected[at] = largest
    return corrected
