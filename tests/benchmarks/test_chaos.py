"""The campaign's own parts: faults reach the calls they are meant for, and differences are seen."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from benchmarks.chaos.campaign import list_explained, pair
from benchmarks.chaos.contents import BROKEN, compare, hash_content, read_contents
from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.known import KNOWN
from benchmarks.chaos.rehearsal import list_needed
from benchmarks.chaos.shim import CONTROL, Plan, compile_shim, count_fired, find_compiler, read_counts
from benchmarks.chaos.stages import LEFT_OUT, STAGES
from unmask.cli.app import app
from unmask.core.files.sealed_files import write_json

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


def test_every_command_is_a_stage_or_left_out_with_a_reason():
    command = typer.main.get_command(app)
    names = set()
    for name, one in command.commands.items():
        names |= {f"{name} {inner}" for inner in one.commands} if hasattr(one, "commands") else {name}
    disturbed = {
        " ".join(stage.arguments[: 1 + (stage.arguments[0] in ("cache", "runs"))]) for stage in STAGES.values()
    }
    assert names == disturbed | LEFT_OUT.keys()
    assert not disturbed & LEFT_OUT.keys()


def test_a_stage_starts_from_one_before_it():
    names = list(STAGES)
    for stage in STAGES.values():
        assert not stage.after or names.index(stage.after) < names.index(stage.name)
    assert list_needed(["evaluate"]) == {"evaluate", "train", "extract", "preprocess", "split", "scan"}


def test_few_rounds_have_all_stages_and_most_faults():
    stages, faults = list(STAGES.values()), list(FAULTS.values())
    pairs = pair(stages, faults, random.Random(0))
    assert {stage.name for stage, _ in pairs[: len(stages)]} == set(STAGES)
    assert len({fault.name for _, fault in pairs[: len(stages)]}) > len(faults) // 2
    assert len(pairs) == len({(stage.name, fault.name) for stage, fault in pairs})
    assert len(pairs) == sum(fault.meets(stage) for stage in stages for fault in faults)


def test_one_of_two_commands_at_once_may_find_done_what_it_was_to_do():
    stage, twice = STAGES["runs rm"], FAULTS["two commands at once"]
    assert 4 in list_explained(stage, twice, [0, 4])
    assert 4 not in list_explained(stage, twice, [4, 4]), "nobody did it"
    assert 4 not in list_explained(stage, FAULTS["clock set back by 30 days"], [0, 4])
    assert 4 not in list_explained(STAGES["scan"], twice, [0, 4])


def test_calls_below_the_second_folder_are_counted_apart(library: Path, tmp_path: Path):
    folders = tmp_path / "first", tmp_path / "second"
    for folder in folders:
        folder.mkdir()
    control = tmp_path / "control"
    Plan().write(control, folders)
    names = [str(tmp_path / name) for name in ("first/a", "second/a", "second/b")]
    program = f"for name in {names}: open(name, 'w').close()"
    environment = os.environ | {"LD_PRELOAD": str(library), CONTROL: str(control)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert [counts["open_write"] for counts in read_counts(control)] == [1, 2]


def test_a_file_that_is_not_as_its_checksum_says_is_seen(tmp_path: Path):
    path = tmp_path / "a.json"
    write_json(path, {"value": 1, "seconds": 1.0})
    whole = hash_content(path)
    write_json(path, {"value": 1, "seconds": 2.0})
    assert hash_content(path) == whole
    path.write_text(path.read_text().replace('"value": 1', '"value": 2'))
    assert hash_content(path) == BROKEN


def test_of_tables_times_do_not_count(tmp_path: Path):
    path = tmp_path / "a.csv"
    digests = set()
    for seconds in (1, 2):
        path.write_text(f"name,train_seconds,auc\na,{seconds},0.5\n")
        digests.add(hash_content(path))
    assert len(digests) == 1
