"""Files that are opened for reading are regular ones; nothing is waited for."""

from __future__ import annotations

import os

import pytest

from unmask.core.files.regular_files import open_regular


def test_files_and_links_to_them_are_opened(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to("a")
    with open_regular(tmp_path / "b") as file:
        assert file.read() == b"content"


@pytest.mark.timeout(10)
def test_a_pipe_a_folder_and_a_device_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("pipe", "link", ".", "/dev/null"):
        with pytest.raises(OSError, match="not a file"):
            open_regular(tmp_path / name)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_is_absent_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "absent")
