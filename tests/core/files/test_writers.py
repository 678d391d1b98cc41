"""Unfinished output of a process that was killed is removed by the next one, that of a living one is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import unmask
from unmask.core.atomic_files import TEMPORARY, create_file, create_folder, remove_leftovers
from unmask.core.files.writers import LENGTH, is_alive, is_dead, mark_writer
from unmask.core.processes.identity import read_start

KILLED = """
import os, signal, sys
from pathlib import Path
from unmask.core.atomic_files import create_file, create_folder
with create_folder(Path(sys.argv[1]) / "folder") as folder, create_file(Path(sys.argv[1]) / "file") as file:
    (folder / "part").touch(), file.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_a_writer(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], cwd=Path(unmask.__file__).parents[1])


@pytest.mark.parametrize("create", [create_file, create_folder])
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path, create):
    kill_a_writer(tmp_path)
    assert len(list(tmp_path.glob(f"{TEMPORARY}*"))) == 2
    with create(tmp_path / "other") as path:
        if create is create_file:
            path.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_what_a_living_process_writes_stays(tmp_path: Path):
    with create_file(tmp_path / "mine") as mine:
        mine.touch()
        program = "import sys; from pathlib import Path; from unmask.core.atomic_files import write_text\n"
        command = [sys.executable, "-c", f"{program}write_text(Path(sys.argv[1]), 'x')", str(tmp_path / "other")]
        subprocess.run(command, cwd=Path(unmask.__file__).parents[1], check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "other"}


@pytest.mark.parametrize("create", [create_file, create_folder])
def test_a_stage_that_begins_leaves_what_a_living_process_writes(tmp_path: Path, create):
    """Whatever lock the two forgot to share: a library would make the folder again, without what was in it."""
    kill_a_writer(tmp_path)
    with create(tmp_path / "shard") as mine:
        (mine if create is create_file else mine / "first").touch()
        assert remove_leftovers(tmp_path) == 0
        (mine if create is create_file else mine / "second").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]


def test_only_dead_processes_of_this_machine_are_dead():
    mark = mark_writer()
    assert len(mark) == LENGTH
    assert is_alive(mark)
    assert not is_dead(mark)
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    left = f"{mark[:8]}{ended.pid:08x}{read_start(ended.pid):08x}{mark[24:]}"
    assert not is_dead(left)
    ended.kill()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(left), "it has ended, and its parent has not looked yet"
    ended.communicate()
    assert is_dead(left)
    assert is_dead(f"{mark[:8]}{ended.pid:08x}{mark[16:]}")
    assert is_dead(f"{mark[:16]}{0:08x}{mark[24:]}"), "another process with the same number"
    for untold in (f"{'0' * 8}{mark[8:]}", f"{'0' * 8}{ended.pid:08x}{mark[16:]}", "torn-shard"):
        assert (is_dead(untold), is_alive(untold)) == (False, False), "of another machine, or of nobody"
    assert os.getpid() == int(mark[8:16], 16)
