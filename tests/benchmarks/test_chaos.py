"""The campaign's own parts: faults reach the calls they are meant for, and differences are seen."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.chaos.contents import compare, read_contents
from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.known import KNOWN
from benchmarks.chaos.shim import CONTROL, Plan, compile_shim, count_fired, find_compiler, read_counts
from benchmarks.chaos.stages import STAGES

Run = Callable[[str, Plan], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_compiler() is None:
        pytest.skip("no C compiler")
    return compile_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def run(library: Path, tmp_path: Path) -> Run:
    """A program in an empty folder, about which the plan is."""
    inside = tmp_path / "inside"
    inside.mkdir()

    def start(program: str, plan: Plan) -> subprocess.CompletedProcess[str]:
        control = tmp_path / "control"
        plan.write(control, (inside,))
        environment = os.environ | {"LD_PRELOAD": str(library), CONTROL: str(control)}
        command = [sys.executable, "-c", f"import os, time\n{program}"]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=inside, env=environment, start_new_session=True
        )

    return start


def test_calls_are_counted(run: Run, tmp_path: Path):
    program = "open('a', 'w').write('x'); os.rename('a', 'b'); os.fsync(os.open('b', os.O_RDONLY)); os.unlink('b')"
    done = run(program, Plan())
    counts, others = read_counts(tmp_path / "control")
    assert done.returncode == 0, done.stderr
    assert (counts["rename"], counts["sync"], counts["unlink"], counts["write"]) == (1, 1, 1, 1)
    assert not any(others.values())
    assert count_fired(tmp_path / "control") == 0


def test_the_call_that_is_asked_for_fails(run: Run, tmp_path: Path):
    plan = Plan(action="fail", ops=("rename",), nth=2, times=1, number=errno.EIO)
    program = (
        "for n in range(4):\n    open(str(n), 'w').close()\n"
        "    try:\n        os.rename(str(n), f'to{n}')\n    except OSError as error:\n        print(n, error.errno)"
    )
    assert run(program, plan).stdout == f"1 {errno.EIO}\n"
    assert count_fired(tmp_path / "control") == 1


def test_reads_and_writes_are_cut_short(run: Run):
    program = "f = os.open('a', os.O_CREAT | os.O_RDWR); print(os.write(f, b'12345678')); print(len(os.pread(f, 4, 0)))"
    assert run(program, Plan(action="shorten", ops=("write", "read"))).stdout == "4\n2\n"


def test_a_signal_comes_before_or_after_the_call(run: Run, tmp_path: Path):
    program = "open('a', 'w').close(); os.rename('a', 'b')"
    for after in (False, True):
        plan = Plan(action="signal_leader", ops=("rename",), number=signal.SIGKILL, after=after)
        assert run(program, plan).returncode == -signal.SIGKILL
        assert (tmp_path / "inside/b").exists() == after


def test_the_clock_is_set_back(run: Run):
    done = run("print(time.time())", Plan(action="shift", ops=("clock",), shift_s=-(10**9)))
    assert float(done.stdout) < 10**9


def test_other_folders_are_left_alone(run: Run, tmp_path: Path):
    plan = Plan(action="fail", ops=("open_read", "open_write"), number=errno.EIO)
    assert run(f"open({str(tmp_path / 'outside')!r}, 'w').close()", plan).returncode == 0


def test_differences_are_seen_and_times_are_not(tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, seconds, value in ((first, 1.0, 1), (second, 2.0, 2)):
        folder.mkdir()
        (folder / "same.json").write_text(f'{{"seconds": {seconds}, "value": 1}}')
        (folder / "other.json").write_text(f'{{"seconds": {seconds}, "value": {value}}}')
    (first / "lost").touch()
    (second / "added").touch()
    found = compare(read_contents(first), read_contents(second), ())
    assert (found.lost, found.differing, found.added) == (("lost",), ("other.json",), ("added",))


def test_every_known_finding_is_of_a_round_that_there_is():
    for stage, fault in KNOWN:
        assert FAULTS[fault].meets(STAGES[stage])
