from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from raised_errors import RAISED, raise_named

import unmask
from unmask.core.errors import BadMedia, ItemsFailed, MachineFailed, NoSpace
from unmask.core.files.temporary_folder import PREFIX, make_temporary_folder
from unmask.core.process_pool import Failure, remove_abandoned_folders, run_isolated
from unmask.core.stage_report import StageReport


def behave(item: str) -> str:
    """Runs in a worker: what the item's name says."""
    if item == "bad":
        raise BadMedia(Path("x.mp4"), "unreadable", "it is text", "Download it again")
    if item == "hang":
        time.sleep(60)
    if item == "crash":
        os.abort()
    if item == "greedy":
        return str(len(bytearray(2**30)))
    if item == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    if item == "lambda":
        return lambda: item  # type: ignore[return-value]
    if item == "unreadable result":
        return UnreadableResult()  # type: ignore[return-value]
    raise_named(item)
    return item.upper()


class UnreadableResult:
    """Pickled without an error, but not unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return int, ("not a number",)


def die_after_answering(item: str) -> str:
    """The process ends when the answer is on its way."""
    if item == "heap":
        threading.Timer(0.3, os._exit, [1]).start()
    return item.upper()


def fail_to_start() -> None:
    raise OSError("no such library")


def test_each_item_gets_its_outcome_in_order():
    items = ["a", "bad", "hang", "b", "crash", "c"]
    outcomes = list(run_isolated(behave, items, workers=2, timeout_s=5))
    assert [item for item, _ in outcomes] == items
    results = dict(outcomes)
    assert [results[item] for item in "abc"] == ["A", "B", "C"]
    assert results["bad"] == Failure("unreadable", "it is text. Download it again")
    assert isinstance(results["hang"], Failure)
    assert results["hang"].reason == "timeout"
    assert isinstance(results["crash"], Failure)
    assert results["crash"].reason == "crashed"


def test_an_item_that_needs_too_much_memory_costs_itself_alone():
    results = dict(run_isolated(behave, ["a", "greedy", "b"], workers=1, timeout_s=30, memory_gib=0.5))
    assert (results["a"], results["b"]) == ("A", "B")
    assert results["greedy"] == Failure("memory", "it needs more than 0.5 GiB of memory")
    assert dict(run_isolated(behave, ["greedy"], workers=1, timeout_s=30, memory_gib=2)) == {"greedy": str(2**30)}


def test_no_exception_of_an_item_ends_the_run():
    items = ["a", *(name for raised in RAISED for name in (raised, "b"))]
    outcomes = list(run_isolated(behave, items, workers=2, timeout_s=30))
    assert [item for item, _ in outcomes] == items
    for item, outcome in outcomes:
        if item in RAISED:
            assert isinstance(outcome, Failure)
            assert outcome.reason == "crashed"
            assert outcome.problem.startswith(f"{item}: ")
            outcome.problem.encode()  # can be stored
        else:
            assert outcome == item.upper()


@pytest.mark.parametrize("item", ["lambda", "unreadable result"])
def test_a_result_that_cannot_be_sent_costs_its_item_alone(item: str):
    results = dict(run_isolated(behave, ["a", item, "b"], workers=1, timeout_s=30))
    assert (results["a"], results["b"]) == ("A", "B")
    assert isinstance(results[item], Failure)
    assert results[item].reason == "crashed"


def test_a_process_that_dies_between_two_items_is_replaced():
    def wait_for_the_death() -> Iterator[str]:
        yield "heap"
        time.sleep(1.0)
        yield "b"

    assert dict(run_isolated(die_after_answering, wait_for_the_death(), workers=1, timeout_s=30))["b"] == "B"


def test_a_fault_of_the_whole_run_ends_it():
    with pytest.raises(NoSpace):
        list(run_isolated(behave, ["a", "full", "b"], workers=1, timeout_s=30))


def test_workers_that_cannot_start_end_the_run():
    with pytest.raises(MachineFailed):
        list(run_isolated(behave, ["a"], workers=1, timeout_s=30, initializer=fail_to_start))


def test_a_report_that_lost_an_item_is_our_bug():
    with pytest.raises(AssertionError):
        StageReport("scan", given=3, done=2).check(1.0)


def test_too_many_failures_are_an_error_only_beyond_the_limit():
    report = StageReport("scan", given=20, done=19, failed={"x": "unreadable: text"})
    report.check(0.05)
    with pytest.raises(ItemsFailed):
        report.check(0.04)


def test_a_script_without_a_main_guard_is_not_run_again_by_the_workers(tmp_path: Path):
    script = tmp_path / "experiment.py"
    script.write_text(
        "print('the script runs')\n"
        "from os.path import basename\n"
        "from unmask.core.process_pool import run_isolated\n"
        "print(list(run_isolated(basename, ['/a/b'], workers=1, timeout_s=60)))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(unmask.__file__).parents[1])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
    assert done.stdout == "the script runs\n[('/a/b', 'b')]\n", done.stderr


FORKED = """
import os, sys, threading, time
import unmask.core.process_pool as pool

big = bytearray(10**6)

def behave(item):
    if item == "hang": time.sleep(60)
    if item == "crash": os.abort()
    return f"{item} {len(big)} {'statistics' in sys.modules}"

assert pool.can_fork()
big.extend(b"1")  # only a copy of this process knows
items = ["a", "crash", "hang", "b"]
for pair in pool.run_isolated(behave, items, workers=2, timeout_s=3, preload=["statistics"], fork=True):
    print(*pair)
thread = threading.Timer(60, print)
thread.start()
assert not pool.can_fork()
thread.cancel()
"""


def test_workers_may_be_copies_of_a_process_with_one_thread(tmp_path: Path):
    script = tmp_path / "experiment.py"
    script.write_text(FORKED)
    environment = os.environ | {"PYTHONPATH": str(Path(unmask.__file__).parents[1])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
    a, crash, hang, b = done.stdout.splitlines()
    assert (a, b) == ("a a 1000001 True", "b b 1000001 True"), done.stderr
    assert "died (exit code" in crash
    assert "not finished within 3 s" in hang


def test_a_temporary_folder_may_have_a_long_name(tmp_path: Path):
    """The name of a socket holds 107 bytes."""
    folder = tmp_path / "long" / ("x" * 100)
    folder.mkdir(parents=True)
    script = "from unmask.core.process_pool import run_isolated as run; print(*run(abs, [-1], workers=1, timeout_s=60))"
    environment = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.stdout == "(-1, 1)\n", done.stderr
    assert not list(folder.iterdir())


def test_work_without_workers_removes_folders_of_killed_processes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """From the temporary folder, and from where sockets go if its name is too long for them."""
    usual, short = tmp_path / ("x" * 100), tmp_path / "short"
    monkeypatch.setattr("tempfile.tempdir", str(usual))
    monkeypatch.setattr("unmask.core.process_pool.SHORT_FOLDERS", [str(short)])
    remove_abandoned_folders()  # neither is there
    usual.mkdir()
    short.mkdir()
    with make_temporary_folder() as living:
        for place in (usual, short):
            (place / f"{PREFIX}lost").mkdir()
        remove_abandoned_folders()
        assert [*usual.iterdir(), *short.iterdir()] == [living]


def test_opening_a_work_folder_removes_folders_of_killed_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"{PREFIX}lost").mkdir()
    unmask.Work(tmp_path / "work")
    assert list(tmp_path.iterdir()) == []
