"""Uploads do not outlive the service, however it ends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unmask.core.files.temporary_folder import UNLOCKED, remove_stale
from unmask.serve import private_folder
from unmask.serve.private_folder import PREFIX, PrivateFolders

SERVICE = """
import sys, time
from unmask.serve.private_folder import PrivateFolders
folders = PrivateFolders()
(folders.uploads / "face.png").write_bytes(b"private")
print(*folders.roots, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(private_folder, "MEMORY_DISK", tmp_path / "memory")


def start() -> tuple[subprocess.Popen[str], list[Path]]:
    process = subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, [Path(name) for name in process.stdout.readline().split()]


def wait_until_gone(roots: list[Path]) -> None:
    end = time.monotonic() + 60
    while any(root.exists() for root in roots):
        assert time.monotonic() < end, "the uploads are still there"
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_service_leaves_no_upload(how: signal.Signals):
    process, roots = start()
    assert (roots[0] / "uploads/face.png").is_file()
    process.send_signal(how)
    process.wait()
    wait_until_gone(roots)


def test_folders_are_private_and_removed_at_the_end(tmp_path: Path):
    with PrivateFolders() as folders:
        (folders.uploads / "a").write_bytes(b"x")
        for folder in (*folders.roots, folders.uploads, folders.work):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not any(root.exists() for root in folders.roots)


def test_the_next_service_removes_what_nobody_owns(tmp_path: Path):
    left, other = tmp_path / f"{PREFIX}left", tmp_path / "unmask-other"
    for folder in (left, other):
        folder.mkdir()
    young, link = tmp_path / f"{UNLOCKED}{PREFIX}young", tmp_path / f"{PREFIX}link"
    young.mkdir()
    link.symlink_to(other)
    with PrivateFolders() as folders:  # its own is locked, and stays
        assert not left.exists()
        assert remove_stale(tmp_path, PREFIX) == []
        assert all(path.exists() for path in (*folders.roots, other, young, link))
        os.utime(young, (0, 0))
        assert remove_stale(tmp_path, PREFIX) == [young]


def test_a_full_memory_disk_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "memory").mkdir()
    with PrivateFolders() as folders:
        assert folders.work.is_relative_to(tmp_path / "memory")
    monkeypatch.setattr(private_folder, "ROOM_BYTES", 2**60)
    with PrivateFolders() as folders:
        assert not folders.work.is_relative_to(tmp_path / "memory")
