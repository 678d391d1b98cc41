"""Times of several ways to do one thing, taken in turn so that a drifting machine slows all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def in_turn(
    ways: Mapping[str, Callable[[], object]], rounds: int = 5, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Name -> median seconds of one call, after one call of each that does not count."""
    for way in ways.values():
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            started = clock()
            way()
            seconds[name].append(clock() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}


def table(seconds: Mapping[str, float], units: int, unit: str) -> str:
    """A line a way: rate, and its ratio to the first way's."""
    first = next(iter(seconds.values()))
    return "\n".join(
        f"{name:32} {units / taken:12,.0f} {unit}/s   {first / taken:6.2f} of the first"
        for name, taken in seconds.items()
    )
