"""Temporary folders are private, removed at the end, and recognised when their process was killed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from unmask.core.files.temporary_folder import PREFIX, UNLOCKED, make_temporary_folder, remove_stale


def test_a_folder_is_private_and_removed_with_what_is_in_it(tmp_path: Path):
    with make_temporary_folder(tmp_path) as folder:
        (folder / "deep/er").mkdir(parents=True)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.name.startswith(PREFIX)
    assert not list(tmp_path.iterdir())


def test_only_what_has_lost_its_owner_is_removed(tmp_path: Path):
    lost, young, old = (tmp_path / f"{before}{PREFIX}{n}" for n, before in enumerate(("", UNLOCKED, UNLOCKED)))
    other, link = tmp_path / "unmask-serve-x", tmp_path / f"{PREFIX}link"
    for folder in (lost, young, old, other):
        folder.mkdir()
    link.symlink_to(other)
    os.utime(old, (0, 0))
    with make_temporary_folder(tmp_path) as mine, make_temporary_folder(tmp_path) as mine_too:
        assert set(tmp_path.iterdir()) == {young, other, link, mine, mine_too}
        assert remove_stale(tmp_path) == []
