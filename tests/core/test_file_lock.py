"""A lock is held by one process at a time, or by several that agree to share it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.core.errors import UsageError
from unmask.core.file_lock import hold_lock


def test_a_second_holder_is_refused(tmp_path: Path):
    refused = pytest.raises(UsageError, match="preprocess is already running in")
    with hold_lock(tmp_path / "lock", "preprocess"), refused, hold_lock(tmp_path / "lock", "preprocess"):
        pass
    with hold_lock(tmp_path / "lock", "preprocess"):
        pass


def test_shared_holders_coexist_and_exclude_an_exclusive_one(tmp_path: Path):
    path = tmp_path / "locks" / "lock"
    both = hold_lock(path, "a", shared=True), hold_lock(path, "a", shared=True)
    with both[0], both[1], pytest.raises(UsageError), hold_lock(path, "a"):
        pass
