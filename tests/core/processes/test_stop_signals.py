"""SIGTERM ends a command in order, as Ctrl-C does, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import unmask

REPOSITORY = Path(unmask.__file__).parents[1]
# A command whose workers are at work, in a process that says so.
COMMAND = """
import sys, time
import unmask.cli.app, unmask.core.machine
from unmask.core.files.temporary_folder import make_temporary_folder
from unmask.core.process_pool import run_isolated
def wait(*given):
    with make_temporary_folder() as folder:
        (folder / "kept").touch()
        for _ in run_isolated(time.sleep, [0.0, 600.0, 600.0], workers=2, timeout_s=700.0, fork=FORK):
            print("ready", file=sys.stderr, flush=True)
unmask.core.machine.describe = wait
unmask.cli.app.main(["doctor"])
"""


def start(place: Path, *, fork: bool = False) -> subprocess.Popen[str]:
    """The command, when its workers are at work; its temporary files are in `place`."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND.replace("FORK", str(fork))],
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(place)},
        start_new_session=True,
    )
    assert process.stderr is not None
    while process.stderr.readline() != "ready\n":
        assert process.poll() is None
    return process


def wait_until_alone(session: int) -> None:
    """Wait until no process of this session is left; the test's time is up otherwise."""
    end = time.monotonic() + 30
    while left := [name for name in os.listdir("/proc") if name.isdigit() and _belongs(name, session)]:
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.02)


def _belongs(number: str, session: int) -> bool:
    try:
        state, _, _, member = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[:4]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return int(member) == session and state != "Z"


def test_sigterm_ends_a_command_its_workers_and_its_folders(tmp_path: Path):
    for fork in (False, True):
        process = start(tmp_path, fork=fork)
        assert list(tmp_path.iterdir())
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 143, told
        assert told == "stopped by SIGTERM\nhint: the same command goes on where it was\n"
        wait_until_alone(process.pid)
        assert not list(tmp_path.iterdir())


def test_a_killed_command_leaves_no_worker_and_its_folders_to_the_next(tmp_path: Path):
    for fork in (False, True):
        process = start(tmp_path, fork=fork)
        process.kill()
        process.communicate(timeout=60)
        wait_until_alone(process.pid)
    again = start(tmp_path)
    left = len(list(tmp_path.iterdir()))
    again.terminate()
    again.communicate(timeout=60)
    # The folder of this command, and the one of its sockets unless the names of these would be too long here.
    assert left in (1, 2)
    assert not list(tmp_path.iterdir())


def test_a_handler_of_the_caller_stays(tmp_path: Path):
    program = (
        "import signal, os\nfrom unmask.core.processes.stop_signals import raise_on_sigterm\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); raise_on_sigterm(); os.kill(os.getpid(), signal.SIGTERM)\n"
        "print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout == "alive\n", done.stderr


def test_a_signal_that_comes_while_an_object_is_freed_is_not_lost():
    program = (
        "import os, signal, sys, time\nfrom unmask.core.processes.stop_signals import Terminated, raise_on_sigterm\n"
        "raise_on_sigterm()\n"
        "class Freed:\n    def __del__(self):\n        os.kill(os.getpid(), signal.SIGTERM); time.sleep(0)\n"
        "try:\n    Freed(); print('freed', flush=True); time.sleep(60)\nexcept Terminated:\n    print('stopped')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY, timeout=50)
    assert done.stdout == "freed\nstopped\n", done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(("number", "ended"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "Terminated")])
def test_a_signal_that_comes_during_a_fork_waits_for_its_end(number: int, ended: str):
    """Sent in the parent by a function that runs after the fork, where an exception would be lost."""
    program = (
        "import os, signal, sys, time\nfrom multiprocessing import util\n"
        "from unmask.core.process_pool import _CopyContext\n"
        "from unmask.core.processes.stop_signals import raise_on_sigterm\n"
        f"raise_on_sigterm(); owner = os.getpid(); before = signal.getsignal({number})\n"
        f"os.register_at_fork(after_in_parent=lambda: (os.kill(owner, {number}), os.write(1, b'after\\n')))\n"
        f"def look():\n    os.write(1, b'usual\\n' if signal.getsignal({number}) is before else b'other\\n')\n"
        "started = _CopyContext().Process(target=look)\n"
        "try:\n    started.start(); time.sleep(60)\n"
        "except KeyboardInterrupt as stop:\n    started.join(); print(type(stop).__name__)\n"
        f"    assert signal.getsignal({number}) is before"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY, timeout=50)
    assert sorted(done.stdout.split()) == sorted(["after", "usual", ended]), done.stderr
    assert done.stderr == ""


def test_what_comes_after_the_work_does_not_disturb_the_end():
    program = (
        "import atexit, os, signal, sys, unmask.cli.app, unmask.core.machine\n"
        "atexit.register(lambda: (os.kill(os.getpid(), signal.SIGTERM), print('tidied')))\n"
        "unmask.cli.app.main(['presets', '--quiet'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("tidied\n")
    assert done.stderr == ""
