"""A lock is held by one process at a time, or by several that agree to share it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.core.errors import UsageError
from unmask.core.file_lock import locked


def test_a_second_holder_is_told_to_wait(tmp_path: Path):
    told = pytest.raises(UsageError, match="preprocess is at work there already")
    with locked(tmp_path / "lock", "preprocess"), told, locked(tmp_path / "lock", "preprocess"):
        pass
    with locked(tmp_path / "lock", "preprocess"):
        pass


def test_those_who_share_go_together_and_keep_out_one_who_does_not(tmp_path: Path):
    path = tmp_path / "locks" / "lock"
    both = locked(path, "a", shared=True), locked(path, "a", shared=True)
    with both[0], both[1], pytest.raises(UsageError), locked(path, "a"):
        pass
