"""Fixtures that several folders of tests use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real media in all nine layouts: UNMASK_CORPUS=/path make test. Without it these tests are skipped, by name."""
    given = os.environ.get("UNMASK_CORPUS")
    if not given:
        pytest.skip("needs real media: UNMASK_CORPUS=/path/to/corpus make test")
    path = Path(given)
    assert path.is_dir(), f"UNMASK_CORPUS={given} is not a folder"
    return path
