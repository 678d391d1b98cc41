"""Shards are made once each, whoever makes them, and nobody waits for a process that is gone."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from unmask.core.sharing.shared_work import Claims, SharedWork

NAMES = [f"shard-{number}.zarr" for number in range(6)]

WORKER = """
import sys, time
from pathlib import Path
from unmask.core.sharing.shared_work import Claims, SharedWork
root, names = Path(sys.argv[1]), sys.argv[2:]
with SharedWork(Claims(root / "claims"), names, lambda name: (root / name).exists(), "test") as work:
    while work.wait():
        for name in work.take():
            time.sleep(0.02)
            with (root / name).open("x") as file:  # fails if it is there
                file.write("whole")
            work.release(name)
print(len(names) - len(work.made_elsewhere), flush=True)
"""


def make(root: Path, names: list[str] = NAMES) -> SharedWork:
    return SharedWork(Claims(root / "claims"), names, lambda name: (root / name).exists(), "test")


def test_four_processes_make_every_shard_once(tmp_path: Path):
    names = [f"shard-{number}.zarr" for number in range(40)]
    command = [sys.executable, "-c", WORKER, str(tmp_path), *names]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    made = [int(process.communicate(timeout=120)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert sum(made) == 40
    assert sorted(path.name for path in tmp_path.glob("shard-*")) == sorted(names)
    assert list((tmp_path / "claims").iterdir()) == []


def test_a_held_shard_is_passed_over_and_made_when_it_is_free(tmp_path: Path):
    other = Claims(tmp_path / "claims").take(NAMES[0])
    assert other is not None
    made = []
    with make(tmp_path) as work:
        assert work.wait()
        for name in work.take():
            made.append(name)
            work.release(name)
        assert made == NAMES[1:]
        threading.Timer(0.1, other.release, kwargs={"remove": True}).start()
        assert work.wait()
        assert list(work.take()) == [NAMES[0]]
        work.release(NAMES[0])
        assert not work.wait()
    assert work.made_elsewhere == []


def test_what_another_process_finished_is_not_made_again(tmp_path: Path):
    (tmp_path / NAMES[2]).touch()
    with make(tmp_path) as work:
        assert work.wait()
        assert NAMES[2] not in list(work.take())
        assert work.made_elsewhere == [NAMES[2]]


def test_an_error_gives_the_claims_back(tmp_path: Path):
    try:
        with make(tmp_path) as work:
            next(work.take())
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    lock = Claims(tmp_path / "claims").take(NAMES[0])
    assert lock is not None
    lock.release(remove=True)


def test_only_leftovers_of_shards_that_nobody_writes_are_removed(tmp_path: Path):
    claims, prefix = Claims(tmp_path / "claims"), f".tmp-{'0' * 32}-"
    folder = tmp_path / "media"
    for name in ("shard-a.zarr", "shard-b.zarr"):
        (folder / f"{prefix}{name}").mkdir(parents=True)
    for name in ("plan.json", "other.json"):
        (folder / f"{prefix}{name}").touch()
    with claims.hold("shard-b.zarr"):
        (claims.folder / "shard-killed.zarr").touch()
        claims.remove_leftovers(folder, {"plan.json"})
        assert [path.name for path in claims.folder.iterdir()] == ["shard-b.zarr"]
    assert sorted(path.name for path in folder.iterdir()) == [f"{prefix}other.json", f"{prefix}shard-b.zarr"]
