from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from unmask.core.atomic_files import TEMPORARY, create_file, create_folder, remove_leftovers, write_json
from unmask.core.errors import MachineFailed, NoSpace, NotAllowed, as_user_error


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), create_file(target) as temporary:
        temporary.write_text("half of the ne")
        raise RuntimeError
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_replaces_the_one_before_it_whole(tmp_path: Path):
    for name in ("first", "second"):
        with create_folder(tmp_path / "shard") as folder:
            (folder / name).write_text(name)
    assert os.listdir(tmp_path / "shard") == ["second"]


def test_a_killed_writer_leaves_only_what_sweep_removes(tmp_path: Path):
    program = (
        "import sys, os, signal; from pathlib import Path; from unmask.core.atomic_files import create_folder\n"
        "with create_folder(Path(sys.argv[1]) / 'shard') as folder:\n"
        "    (folder / 'part').write_text('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)])
    assert done.returncode == -signal.SIGKILL
    assert [name.startswith(TEMPORARY) for name in os.listdir(tmp_path)] == [True]
    assert remove_leftovers(tmp_path) == 1
    assert os.listdir(tmp_path) == []


def test_sweep_leaves_what_another_process_may_be_writing(tmp_path: Path):
    for name in ("mine", "yours"):
        (tmp_path / f"{TEMPORARY}{'0' * 32}-{name}").mkdir()
    assert remove_leftovers(tmp_path, {"mine"}) == 1
    assert os.listdir(tmp_path) == [f"{TEMPORARY}{'0' * 32}-yours"]


@pytest.mark.parametrize("made_again", [True, False])
def test_a_folder_that_was_removed_while_it_was_written_is_not_taken_for_a_whole_one(tmp_path: Path, made_again: bool):
    """Zarr makes a missing folder again, and what it wrote before is lost."""
    target = tmp_path / "shard"
    with pytest.raises(MachineFailed, match="shard: another process removed it"), create_folder(target) as folder:
        (folder / "first").touch()
        shutil.rmtree(folder)
        if made_again:
            folder.mkdir()
            (folder / "second").touch()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("make", [create_file, create_folder])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space"), RuntimeError("zarr: No space left on device")])
def test_a_full_disk_is_reported_with_a_remedy_and_leaves_nothing_torn(tmp_path: Path, make, error):
    with pytest.raises(NoSpace, match=r"no space left to write shard\nhint: free some"), make(tmp_path / "shard"):
        raise error
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("make", [create_file, create_folder])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("named", [True, False])
def test_where_nothing_may_be_written_the_file_is_named_and_not_its_temporary_name(
    tmp_path: Path, make, number: int, named: bool
):
    with pytest.raises(OSError, match=r"shard'$") as caught, make(tmp_path / "shard") as temporary:
        if named:
            raise OSError(number, os.strerror(number), str(temporary))
        raise OSError(number, f"Failed to open local file '{temporary}'")  # as pyarrow has it
    assert (caught.value.errno, caught.value.filename) == (number, str(tmp_path / "shard"))
    assert isinstance(as_user_error(caught.value), NotAllowed)


def test_json_of_equal_values_is_equal_bytes(tmp_path: Path):
    write_json(tmp_path / "a.json", {"b": 1, "a": [2, "é"]})
    write_json(tmp_path / "b.json", {"a": [2, "é"], "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_disk_that_fills_between_two_renames_leaves_the_folder_before(tmp_path: Path, monkeypatch):
    target = tmp_path / "shard"
    with create_folder(target) as folder:
        (folder / "a").write_text("old")
    rename = Path.rename

    def fill_up(self: Path, other: Path) -> Path:
        if other == target and self.name.startswith(TEMPORARY) and (self / "b").exists():
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", fill_up)
    with pytest.raises(NoSpace), create_folder(target) as folder:
        (folder / "b").write_text("new")
    assert [path.name for path in tmp_path.rglob("*")] == ["shard", "a"]
