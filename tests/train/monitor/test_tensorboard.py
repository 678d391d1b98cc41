"""Curves for TensorBoard: what it reads of them, and a full disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks.chaos.shim import CONTROL, Plan, compile_shim, find_compiler
from unmask.train.monitor.tensorboard import Events

LINE = {"epoch": 1, "loss": {"total": 0.5}, "val": {"auc": 0.75, "name": "x"}}


def test_tensorboard_reads_every_number_once_and_hides_epochs_that_were_trained_anew(tmp_path: Path):
    with Events(tmp_path, 0) as events:
        events.write(LINE)
        events.write(LINE | {"epoch": 2, "loss": {"total": 0.25}})
    with Events(tmp_path, 1) as events:  # killed after the first epoch's checkpoint
        events.write(LINE | {"epoch": 2, "loss": {"total": 0.125}})
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 2
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    assert sorted(found.Tags()["scalars"]) == ["epoch", "loss/total", "val/auc"]
    assert [(one.step, one.value) for one in found.Scalars("loss/total")] == [(1, 0.5), (2, 0.125)]


def test_no_file_is_written_by_other_processes(tmp_path: Path):
    with Events(tmp_path, 0, writes=False) as events:
        events.write(LINE)
    assert list(tmp_path.iterdir()) == []


PROGRAM = f"""
import sys
from pathlib import Path
from unmask.train.monitor.tensorboard import Events
try:
    with Events(Path(sys.argv[1]), 0) as events:
        events.write({LINE})
except OSError as error:
    print(error.errno, Path(error.filename).parent == Path(sys.argv[1]))
"""


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_failed_write_is_one_error_and_no_traceback_of_a_thread(tmp_path: Path, number: int, nth: int):
    run, control = tmp_path / "run", tmp_path / "control"
    Plan(action="fail", ops=("write",), nth=nth, number=number).write(control, (run,))
    environment = os.environ | {"LD_PRELOAD": str(compile_shim(tmp_path)), CONTROL: str(control)}
    command = [sys.executable, "-c", PROGRAM, str(run)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=Path.cwd())
    assert (done.stdout, done.stderr) == (f"{number} True\n", "")
