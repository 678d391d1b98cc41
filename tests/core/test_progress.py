"""When a progress bar estimates the time that is left."""

from __future__ import annotations

import logging

import pytest

from unmask.core.progress import Progress, estimate_remaining


@pytest.mark.parametrize(
    ("done", "total", "elapsed", "shown"),
    [
        (0, 100, 60.0, ""),
        (1, 100, 60.0, ""),  # the first item bore the start
        (50, 100, 1.0, ""),
        (50, 100, 60.0, "60 seconds left"),
        (100, 100, 60.0, ""),
        (5, None, 60.0, ""),
        (5, 100, None, ""),
    ],
)
def test_time_is_estimated_once_it_means_something(done, total, elapsed, shown: str):
    assert estimate_remaining(done, total, elapsed) == shown


def test_a_plain_line_has_no_estimate_of_the_first_items(monkeypatch, caplog):
    clock = [0.0]
    monkeypatch.setattr(logging.getLogger("unmask"), "propagate", True)  # commands of other tests switch it off
    monkeypatch.setattr(logging.getLogger("unmask"), "handlers", [])
    monkeypatch.setattr("unmask.core.progress.time.monotonic", lambda: clock[0])
    with caplog.at_level(logging.INFO, "unmask"), Progress("extract", 100, "clips") as bar:
        for seconds, count in ((6.0, 1), (12.0, 49)):
            clock[0] = seconds
            bar.advance(count)
    assert caplog.messages == [
        "extract: 1/100 clips, 0.2 clips/s",
        "extract: 50/100 clips, 4.2 clips/s, 12 seconds left",
    ]
