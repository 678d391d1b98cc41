"""A lock is held by one process at a time, or by several that agree to share it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.core.errors import UsageError
from unmask.core.file_lock import locked


def test_a_second_holder_is_refused(tmp_path: Path):
    refused = pytest.raises(UsageError, match="preprocess is already running in")
    with locked(tmp_path / "lock", "preprocess"), refused, locked(tmp_path / "lock", "preprocess"):
        pass
    with locked(tmp_path / "lock", "preprocess"):
        pass


def test_shared_holders_coexist_and_exclude_an_exclusive_one(tmp_path: Path):
    path = tmp_path / "locks" / "lock"
    both = locked(path, "a", shared=True), locked(path, "a", shared=True)
    with both[0], both[1], pytest.raises(UsageError), locked(path, "a"):
        pass
