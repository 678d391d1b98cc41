"""What several machines see of each other's work through a bucket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bucket_server import Machine

from unmask.core.atomic_files import create_folder, remove_path, write_text
from unmask.core.buckets import committed_folders
from unmask.core.buckets.addresses import parse_address
from unmask.core.buckets.bucket import Bucket
from unmask.core.buckets.commits import SUFFIX
from unmask.core.buckets.mirrored import fetch_files, fetch_folders, find_bucket_damage, find_mirror, update_folders
from unmask.core.buckets.opening import open_work_folder, publish_runs
from unmask.core.checksums import CheckedFiles, find_damage, write_checksums
from unmask.core.errors import MissingInput

SHARD = "media/abc/shard-1.zarr"


def write_shard(work: Path, text: str, name: str = SHARD) -> None:
    """A folder as media and token shards are: sealed, with a head and a large file."""
    with create_folder(work / name) as folder:
        (folder / "faces").mkdir()
        (folder / "zarr.json").write_text(json.dumps({"about": text}))
        (folder / "faces" / "0").write_text(text * 1000)
        write_checksums(folder)


def read(work: Path, name: str = SHARD) -> str:
    fetch_folders([work / name])
    assert not find_damage(work / name)
    return str(json.loads((work / name / "zarr.json").read_text())["about"])


def list_all(bucket: str) -> set[str]:
    return set(Bucket(parse_address(bucket)).list_objects(without=""))


def test_another_machine_sees_files_and_heads_of_shards_and_fetches_the_rest_when_it_needs_it(bucket, machine: Machine):
    work = open_work_folder(f"{bucket}/w")
    write_text(work / "manifest.txt", "rows")
    write_shard(work, "a")
    machine("there")
    other = open_work_folder(f"{bucket}/w")
    assert other != work
    assert (other / "manifest.txt").read_text() == "rows"
    assert sorted(path.name for path in (other / SHARD).rglob("*")) == ["checksums.json", "zarr.json"]
    CheckedFiles(other / SHARD, "again").check(["faces/0"])
    assert (other / SHARD / "faces/0").read_bytes() == (work / SHARD / "faces/0").read_bytes()
    assert find_bucket_damage(other / SHARD) == []


def test_a_folder_outside_of_copies_has_no_bucket(tmp_path: Path):
    write_shard(tmp_path, "a")
    assert find_mirror(tmp_path / SHARD) is None
    assert find_bucket_damage(tmp_path / SHARD) is None
    fetch_files(tmp_path / SHARD, ["none"])


def test_of_two_writers_of_one_shard_one_stays(bucket, machine: Machine):
    here = open_work_folder(bucket)
    machine("there")
    there = open_work_folder(bucket)
    write_shard(there, "there")
    write_shard(here, "here")  # finished later, without having looked
    assert read(here) == read(there) == "there"
    machine("a third one")
    assert read(open_work_folder(bucket)) == "there"


def test_writers_of_equal_shards_agree(bucket, machine: Machine):
    here = open_work_folder(bucket)
    machine("there")
    there = open_work_folder(bucket)
    write_shard(there, "same")
    before = list_all(bucket)
    write_shard(here, "same")
    assert list_all(bucket) == before
    assert read(here) == read(there) == "same"


def test_a_shard_that_is_written_again_replaces_the_one_before(bucket, machine: Machine):
    here = open_work_folder(bucket)
    write_shard(here, "first")
    machine("there")
    there = open_work_folder(bucket)
    assert read(there) == "first"
    write_shard(here, "second")
    update_folders([there / SHARD])
    assert read(there) == "second"


KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from unmask.core.buckets import committed_folders
from unmask.core.buckets.opening import open_work_folder
from test_mirror import write_shard
committed_folders.put_commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write_shard(open_work_folder({bucket!r}), "a")
"""


def test_a_writer_that_is_killed_before_the_commit_leaves_nothing_visible(bucket, machine: Machine):
    program = KILLED.format(path=[path for path in sys.path if path], bucket=bucket)
    done = subprocess.run([sys.executable, "-c", program], env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    content = list_all(bucket)
    assert content
    assert all(name.startswith("objects/") for name in content)
    machine("there")
    there = open_work_folder(bucket)
    assert not (there / SHARD).exists()
    machine("here")
    here = open_work_folder(bucket)
    assert not (here / SHARD).exists()
    write_shard(here, "a")
    assert list_all(bucket) == content | {SHARD + SUFFIX}  # what the killed one wrote is used
    update_folders([there / SHARD])
    assert read(there) == "a"


def test_a_writer_that_is_killed_after_the_commit_has_the_shard_when_it_comes_back(bucket, monkeypatch):
    here = open_work_folder(bucket)
    with monkeypatch.context() as patch:
        patch.setattr("unmask.core.atomic_files._replace_folder", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_shard(here, "a")
    assert not (here / SHARD).exists()
    open_work_folder(bucket)
    assert read(here) == "a"


def test_names_of_files_may_hold_any_character(bucket, machine: Machine):
    names = ["foreign/my scores (2)/é #1%20+&.json", "foreign/a/~b.json"]
    work = open_work_folder(f"{bucket}/w")
    for name in names:
        write_text(work / name, name)
    machine("there")
    other = open_work_folder(f"{bucket}/w")
    assert [(other / name).read_text() for name in names] == names


def test_a_file_that_another_machine_has_changed_is_not_replaced(bucket, machine: Machine):
    here = open_work_folder(bucket)
    write_text(here / "manifest.txt", "old")
    machine("there")
    there = open_work_folder(bucket)
    write_text(there / "manifest.txt", "new")
    with pytest.raises(MissingInput) as refused:
        write_text(here / "manifest.txt", "other")
    assert f"{bucket}/manifest.txt: another machine has changed it" in refused.value.problem
    assert (here / "manifest.txt").read_text() == "old"
    write_text(here / "manifest.txt", "new")  # the same is no conflict
    machine("here")
    assert (open_work_folder(bucket) / "manifest.txt").read_text() == "new"


def test_what_is_removed_is_gone_everywhere(bucket, machine: Machine):
    here = open_work_folder(bucket)
    write_shard(here, "a")
    write_text(here / "report.txt", "x")
    machine("there")
    there = open_work_folder(bucket)
    remove_path(there / SHARD)
    remove_path(there / "report.txt")
    machine("here")
    open_work_folder(bucket)
    assert not (here / SHARD).exists()
    assert not (here / "report.txt").exists()
    mirror = find_mirror(here)
    assert mirror is not None
    assert mirror.remove_unused(older_s=3600) == (0, 0)  # it may belong to a commit that is about to be made
    assert mirror.remove_unused(older_s=-3600)[0] == 3
    assert list_all(bucket) == set()


def test_damage_in_the_copy_is_healed_and_in_the_bucket_named(bucket):
    here = open_work_folder(bucket)
    write_shard(here, "a")
    (here / SHARD / "faces/0").write_text("damaged")
    CheckedFiles(here / SHARD, "again").check(["faces/0"])
    assert not find_damage(here / SHARD)
    mirror = find_mirror(here)
    assert mirror is not None
    commit = mirror.read_commit(here / SHARD)
    assert commit is not None
    (here / "damaged").write_text("damaged")
    mirror.bucket.upload(commit.files["faces/0"].object, here / "damaged")
    assert find_bucket_damage(here / SHARD) == ["faces/0"]
    (here / SHARD / "faces/0").unlink()
    with pytest.raises(MissingInput, match="damaged since it was written"):
        fetch_folders([here / SHARD])


def test_a_shard_whose_head_is_damaged_in_the_bucket_is_made_again(bucket, machine: Machine, caplog):
    here = open_work_folder(bucket)
    write_shard(here, "a")
    mirror = find_mirror(here)
    assert mirror is not None
    commit = mirror.read_commit(here / SHARD)
    assert commit is not None
    (here / "damaged").write_text("damaged")
    mirror.bucket.upload(commit.files["zarr.json"].object, here / "damaged")
    machine("there")
    there = open_work_folder(bucket)
    assert "zarr.json): damaged since it was written: it counts as not made" in caplog.text.replace("\n", " ")
    assert not (there / SHARD).exists()
    write_shard(there, "a")
    assert find_bucket_damage(there / SHARD) == []
    machine("a third one")
    assert read(open_work_folder(bucket)) == "a"


def test_a_run_is_published_when_its_command_ends_and_its_weights_are_fetched_when_it_is_used(bucket, machine: Machine):
    here = open_work_folder(bucket)
    run = here / "runs/full-s0"
    write_text(run / "inputs.json", "{}")
    write_text(run / "best.pth", "w" * (2 << 20))
    os.utime(run / "inputs.json", ns=(1, 5_000_000_000))
    assert list_all(bucket) == set()
    publish_runs(here)
    machine("there")
    there = open_work_folder(bucket)
    found = there / "runs/full-s0"
    assert (found / "inputs.json").stat().st_mtime_ns == 5_000_000_000  # the newest run is found by it
    assert not (found / "best.pth").exists()
    write_text(found / "evaluation.json", "{}")
    publish_runs(there)  # without ever having had the weights
    fetch_folders([found])
    assert (found / "best.pth").stat().st_size == 2 << 20
    machine("here")
    open_work_folder(bucket)
    assert (run / "evaluation.json").is_file()
    (run / "best.pth").unlink()
    publish_runs(here)
    machine("there")
    open_work_folder(bucket)
    assert not (found / "best.pth").exists()


def test_of_two_machines_that_train_one_run_the_first_to_end_is_kept(bucket, machine: Machine, caplog):
    works = []
    for name in ("here", "there"):
        machine(name)
        works.append(open_work_folder(bucket))
        write_text(works[-1] / "runs/full-s0/inputs.json", name)
    publish_runs(works[1])
    publish_runs(works[0])
    assert "another machine has published this run" in caplog.text
    assert (works[0] / "runs/full-s0/inputs.json").read_text() == "there"


def test_a_lost_answer_to_the_commit_is_no_lost_race(bucket, monkeypatch):
    """The request arrived, its answer did not: the next attempt is told that the commit exists."""
    here = open_work_folder(bucket)
    write_shard(here, "a")
    mirror = find_mirror(here)
    assert mirror is not None
    monkeypatch.setattr(type(mirror), "read_commit", lambda self, folder: None)
    name = SHARD + SUFFIX
    monkeypatch.setattr(mirror.known, "get", lambda asked: None if asked == name else "")
    commit = committed_folders.Commit.read(mirror.find_commit(SHARD), "")
    assert not committed_folders.put_commit(mirror, SHARD, commit)
    monkeypatch.undo()
    write_shard(here, "a")
    assert read(here) == "a"
