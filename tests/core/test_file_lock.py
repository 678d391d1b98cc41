"""A lock is held by one process at a time, or by several that agree to share it, and an error says by which."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unmask.core.errors import MachineFailed, UsageError, as_user_error
from unmask.core.file_lock import Held, hold_lock, take_lock
from unmask.core.sharing.lock_holders import read_holders

HOLD = """
import sys, time
from pathlib import Path
from unmask.core.file_lock import hold_lock
with hold_lock(Path(sys.argv[1]), "a test", shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    time.sleep(600)
"""


def start_holder(path: Path, kind: str = "alone") -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, path, kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


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


def test_the_error_names_process_command_time_and_folder(tmp_path: Path):
    process = start_holder(tmp_path / "locks" / "manifest")
    try:
        with pytest.raises(Held) as refused, hold_lock(tmp_path / "locks" / "manifest", "another scan"):
            pass
    finally:
        process.kill()
        process.wait()
    words = str(refused.value)
    assert f"another scan is already running in {tmp_path}: process {process.pid} (-c {tmp_path}" in words
    assert f"since {time.strftime('%Y-')}" in words
    assert refused.value.exit_code == 2


def test_every_shared_holder_is_named_and_one_that_left_is_not(tmp_path: Path):
    path = tmp_path / "lock"
    processes = [start_holder(path, "shared") for _ in range(2)]
    try:
        with hold_lock(path, "a", shared=True):
            pass
        assert [holder.pid for holder in read_holders(path)] == [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_killed_holder_is_not_in_the_way(tmp_path: Path):
    process = start_holder(tmp_path / "lock")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert "pid" in (tmp_path / "lock").read_text(), "it could not clean up"
    assert read_holders(tmp_path / "lock") == []
    with hold_lock(tmp_path / "lock", "a"):
        assert [holder.pid for holder in read_holders(tmp_path / "lock")] == [os.getpid()]
    assert (tmp_path / "lock").read_bytes() == b""


def test_a_copy_of_the_process_does_not_keep_its_lock(tmp_path: Path):
    lock = take_lock(tmp_path / "lock")
    assert lock is not None
    child = os.fork()
    if not child:
        time.sleep(600)
        os._exit(0)
    try:
        time.sleep(0.1)
        os.close(lock.handle)  # as the end of the process does: nothing is given back
        with hold_lock(tmp_path / "lock", "a"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_on_the_new_file(tmp_path: Path, monkeypatch):
    path, usual = tmp_path / "lock", fcntl.flock
    removed = []

    def lock(handle: int, operation: int) -> None:
        usual(handle, operation)
        if not removed:
            removed.append(path.unlink())

    monkeypatch.setattr(fcntl, "flock", lock)
    first = take_lock(path)
    assert first is not None
    assert take_lock(path) is None
    first.release(remove=True)
    assert not path.exists()


def test_a_folder_that_is_removed_while_it_is_made_is_made_again(tmp_path: Path, monkeypatch):
    make = Path.mkdir

    def make_folder(path: Path, *args: object, **options: bool) -> None:
        if not made:
            made.append(path)
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        make(path, *args, **options)

    made: list[Path] = []
    monkeypatch.setattr(Path, "mkdir", make_folder)
    with hold_lock(tmp_path / "run" / "lock", "a test"):
        assert (tmp_path / "run" / "lock").is_file()
    (tmp_path / "file").touch()
    monkeypatch.setattr(Path, "mkdir", make)
    with pytest.raises(FileExistsError):
        take_lock(tmp_path / "file" / "lock")


def test_waiting_ends_when_the_holder_ends(tmp_path: Path):
    process = start_holder(tmp_path / "lock")
    os.kill(process.pid, signal.SIGKILL)
    with hold_lock(tmp_path / "lock", "a", wait=True):
        pass
    process.wait()


def test_the_names_of_shared_holders_that_died_go_with_the_next_one(tmp_path: Path):
    path = tmp_path / "lock"
    for _ in range(2):
        process = start_holder(path, "shared")
        process.kill()
        process.wait()
    path.write_bytes(path.read_bytes() + b"torn")
    with hold_lock(path, "a", shared=True):
        assert [holder.host for holder in read_holders(path)] == [socket.gethostname()]
        assert len(path.read_bytes().splitlines()) == 1
    assert path.read_bytes() == b""


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said_with_the_remedy(tmp_path: Path, monkeypatch, number: int):
    def refuse(handle: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(MachineFailed, match="refuses file locks") as refused, hold_lock(tmp_path / "lock", "a"):
        pass
    assert refused.value.exit_code == 4
    assert "NFS" in refused.value.hint


def test_any_other_error_of_a_lock_names_the_file(tmp_path: Path, monkeypatch):
    def fail(handle: int, operation: int) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="Stale") as failed, hold_lock(tmp_path / "lock", "a"):
        pass
    assert str(tmp_path / "lock") in str(as_user_error(failed.value))
