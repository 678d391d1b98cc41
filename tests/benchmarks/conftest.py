"""Benchmarks silence the program's log for the rest of their process: tests after them need it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def keep_log_level() -> Iterator[None]:
    log = logging.getLogger("unmask")
    level = log.level
    yield
    log.setLevel(level)
