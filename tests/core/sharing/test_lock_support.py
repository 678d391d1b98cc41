"""What a mount does with locks is read from the system's table, and a lock without effect is noticed."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

import pytest

from unmask.core.file_lock import hold_lock
from unmask.core.sharing import lock_support
from unmask.core.sharing.lock_support import find_local_locks

LINE = "36 35 {device} / /data rw,noatime shared:1 - {kind} server:/data rw,{options}\n"


def find(tmp_path: Path, kind: str, options: str) -> str:
    (tmp_path / "mounts").write_text(
        LINE.format(device="0:5", kind="ext4", options="x") + LINE.format(device="0:52", kind=kind, options=options)
    )
    return find_local_locks(os.makedev(0, 52), tmp_path / "mounts")


@pytest.mark.parametrize(
    ("kind", "options", "why"),
    [
        ("nfs4", "vers=4.2,hard,local_lock=none", ""),
        ("nfs", "vers=3,local_lock=none", ""),
        ("nfs", "vers=3,nolock,local_lock=all", "nfs mounted with nolock"),
        ("nfs4", "vers=4.1,local_lock=flock", "nfs4 mounted with local_lock=flock"),
        ("nfs", "vers=3,local_lock=posix", ""),
        ("lustre", "flock,lazystatfs", ""),
        ("lustre", "localflock", "lustre mounted with localflock"),
        ("cifs", "vers=3.0,nobrl", "cifs mounted with nobrl"),
        ("fuse.sshfs", "user_id=0", "fuse.sshfs"),
        ("ext4", "discard", ""),
    ],
)
def test_locks_that_other_machines_do_not_see_are_recognized(tmp_path: Path, kind: str, options: str, why: str):
    assert find(tmp_path, kind, options) == why


def test_an_unknown_device_and_a_missing_table_say_nothing(tmp_path: Path):
    assert find_local_locks(os.makedev(9, 9), tmp_path / "nothing") == ""
    assert find(tmp_path, "nfs", "nolock").startswith("nfs")
    assert find_local_locks(os.makedev(9, 9), tmp_path / "mounts") == ""


def test_a_lock_without_effect_is_told_once(tmp_path: Path, monkeypatch, caplog):
    monkeypatch.setattr(lock_support, "_checked", set())
    monkeypatch.setattr(fcntl, "flock", lambda handle, operation: None)
    with caplog.at_level(logging.WARNING, "unmask"), hold_lock(tmp_path / "a", "a"), hold_lock(tmp_path / "b", "b"):
        pass
    assert [record.message for record in caplog.records] == [
        f"{tmp_path}: file locks have no effect on this file system: never run two commands there at once"
        " (docs/parallel.md, Locks)"
    ]


def test_locks_of_this_machine_only_are_told(tmp_path: Path, monkeypatch, caplog):
    device = tmp_path.stat().st_dev
    line = LINE.format(device=f"{os.major(device)}:{os.minor(device)}", kind="nfs", options="nolock")
    (tmp_path / "mounts").write_text(line)
    monkeypatch.setattr(lock_support, "_checked", set())
    monkeypatch.setattr(lock_support.find_local_locks, "__defaults__", (tmp_path / "mounts",))
    with caplog.at_level(logging.INFO, "unmask"), hold_lock(tmp_path / "a", "a"):
        pass
    assert "count on this machine only (nfs mounted with nolock)" in caplog.text


def test_a_good_file_system_is_silent(tmp_path: Path, monkeypatch, caplog):
    monkeypatch.setattr(lock_support, "_checked", set())
    with caplog.at_level(logging.INFO, "unmask"), hold_lock(tmp_path / "a", "a"):
        pass
    assert not caplog.records
