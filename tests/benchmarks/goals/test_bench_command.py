"""`make bench` on stub benchmarks: each in its own process, failures told, and continued where it stopped."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from benchmarks.goals import run
from benchmarks.goals.command import choose, list_missing, main
from benchmarks.goals.goal import Goal, Measurement
from benchmarks.goals.page import format_page
from benchmarks.goals.results import read_results
from unmask.core.errors import ItemsFailed, UsageError

STUBS = """
import os
from pathlib import Path
from benchmarks.figures import NotMeasured
from benchmarks.timing import in_turn

def count():
    path = Path(os.environ["STUB_CALLS"])
    path.write_text(path.read_text() + "good ")
    return {"rate": 1.0, "pid": os.getpid()}

def fail():
    raise ValueError("no such thing\\nsecond line")

def die():
    os.kill(os.getpid(), 9)

def skip():
    raise NotMeasured("not measured: no video here")
"""


def stub(name: str, function: str, minutes: float = 1) -> Measurement:
    goals = (Goal(figure="rate", what=f"rate of {name}", at_least=0.5),)
    return Measurement(name=name, function=f"bench_stubs:{function}", minutes=minutes, goals=goals, topic="Stubs")


GOOD, BAD, KILLED, SKIPPED = stub("good", "count"), stub("bad", "fail"), stub("killed", "die"), stub("skipped", "skip")
ALL = (BAD, GOOD, SKIPPED, KILLED)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "bench_stubs.py").write_text(STUBS)
    (tmp_path / "calls").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("STUB_CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_a_failing_benchmark_is_told_and_the_others_go_on(calls: Path, tmp_path: Path, capfd):
    store = tmp_path / "results.jsonl"
    with pytest.raises(ItemsFailed) as raised:
        main([], ALL, store)
    assert "2 failed: bad: ValueError: no such thing; killed: ended by SIGKILL" in str(raised.value)
    found = {one.measurement: one for one in read_results(store)}
    assert found.keys() == {"good", "bad", "skipped", "killed"}
    good = found["good"]
    assert (good.figures["rate"], good.error) == (1.0, "")
    assert good.figures["pid"] != os.getpid()
    assert good.sources == ("benchmarks/figures.py", "benchmarks/timing.py")
    assert good.machine["torch"] != "missing"
    page = format_page(ALL, list(found.values()))
    assert "| rate of good | 1.00 | at least 0.5 | met |" in page
    assert "**failed: ValueError: no such thing**" in page
    assert "**failed: ended by SIGKILL**" in page
    assert "not measured: no video here" in page

    # Again: what has a figure is kept, what failed is tried.
    with pytest.raises(ItemsFailed, match="killed"):
        main(["good", "killed"], ALL, store)
    assert calls.read_text() == "good "
    main(["good", "--again"], ALL, store)
    assert calls.read_text() == "good good "


def test_an_interrupted_bench_goes_on_where_it_stopped(calls: Path, tmp_path: Path, monkeypatch):
    store, second, whole = tmp_path / "results.jsonl", stub("second", "count"), run.measure

    def measure(measurement, environment):
        if measurement is second:
            raise KeyboardInterrupt
        return whole(measurement, environment)

    with monkeypatch.context() as patch:
        patch.setattr(run, "measure", measure)
        with pytest.raises(KeyboardInterrupt):
            main([], [GOOD, second], store)
    assert [one.measurement for one in read_results(store)] == ["good"]
    main([], [GOOD, second], store)
    assert [one.measurement for one in read_results(store)] == ["good", "second"]
    assert calls.read_text() == "good good "


def test_a_benchmark_that_hangs_is_ended_with_its_children(tmp_path: Path):
    told = run.run_command(["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait"], {}, limit_s=1)
    assert told == "took longer than 0 min"
    child, until = int((tmp_path / "pid").read_text()), time.monotonic() + 60
    while is_running(child) and time.monotonic() < until:  # a killed process ends when it is scheduled
        time.sleep(0.05)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_names_and_quick_choose(monkeypatch):
    slow = stub("slow", "count", minutes=5)
    assert choose([GOOD, slow], [], quick=True) == [GOOD]
    assert choose([GOOD, slow], ["slow"], quick=False) == [slow]
    with pytest.raises(UsageError, match="no measurement goood"):
        choose([GOOD], ["goood"], quick=False)


def test_what_is_missing_is_known_before_it_is_measured(monkeypatch):
    monkeypatch.delenv("UNMASK_CORPUS", raising=False)
    monkeypatch.delenv("UNMASK_WORK", raising=False)
    needing = Measurement(name="x", function="x:x", minutes=1, goals=(), needs=("corpus", "work", "gpu"))
    assert list_missing(needing, {"gpu": ""}) == ["corpus", "work", "gpu"]
    monkeypatch.setenv("UNMASK_CORPUS", "/media")
    assert list_missing(needing, {"gpu": "A GPU"}) == []


def test_the_list_measures_nothing(tmp_path: Path):
    assert "rate of good: at least 0.5" in main(["--list"], ALL, tmp_path / "results.jsonl")
    assert not (tmp_path / "results.jsonl").exists()
