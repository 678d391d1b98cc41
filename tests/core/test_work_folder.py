"""The work folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.core.errors import UsageError
from unmask.core.work_folder import WorkFolder


def test_a_file_is_no_work_folder(tmp_path: Path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UsageError, match="a file, not a folder"):
        WorkFolder(tmp_path / "notes")
    assert WorkFolder(tmp_path / "new").root == tmp_path / "new"
