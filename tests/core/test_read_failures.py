"""A disk that fails says nothing of a file's content: nothing is called damaged, and nothing is made again."""

from __future__ import annotations

import errno
import os

import pytest

from unmask.core.checksums import CheckedFiles, find_damage, write_checksums
from unmask.core.errors import MachineFailed, MissingInput, as_user_error, raise_read_failure


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN])
def test_a_failing_disk_ends_the_command_with_the_file_and_a_remedy(number):
    error = OSError(number, os.strerror(number), "/disk/a.json")
    with pytest.raises(OSError, match="/disk"):
        raise_read_failure(error)
    shown = as_user_error(error)
    assert isinstance(shown, MachineFailed)
    assert "/disk/a.json" in shown.problem
    assert "same command again" in shown.hint
    assert shown.exit_code == 4


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "gone"), ValueError("no JSON"), OSError("thrift")])
def test_damage_and_absence_are_left_to_the_caller(error):
    raise_read_failure(error)


def test_a_folder_whose_checksums_cannot_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"1")
    write_checksums(tmp_path)

    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error", str(tmp_path))

    monkeypatch.setattr("pathlib.Path.read_text", fail)
    with pytest.raises(OSError, match="Input/output"):
        find_damage(tmp_path)
    with pytest.raises(OSError, match="Input/output"):
        CheckedFiles(tmp_path, "again")


def test_files_are_checked_once_and_damage_is_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    write_checksums(tmp_path)
    files = CheckedFiles(tmp_path, "make it again")
    files.check(["a", "absent"])
    (tmp_path / "a").write_bytes(b"x")
    files.check(["a"])
    (tmp_path / "b").write_bytes(b"x")
    with pytest.raises(MissingInput, match="b: damaged since it was written") as refused:
        files.check(["b"])
    assert refused.value.hint == "make it again"
    (tmp_path / "added").write_bytes(b"1")
    with pytest.raises(MissingInput, match="added"):
        files.check(["added"])
