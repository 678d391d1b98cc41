"""A write that fails while tokens are exported is an error, and not the end of the process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_tokens import fill

from benchmarks.chaos.shim import compile_shim, find_compiler

PROGRAM = """
import sys
from pathlib import Path
from benchmarks.chaos.shim import ALWAYS, Plan, _Control, load_control
from unmask.cache.export.hdf5_file import write_hdf5
from unmask.cache.store.token_store import TokenStore

root, control, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
store, out = TokenStore(root / "store"), root / "out" / "all.h5"

def write(**faults):
    control.unlink(missing_ok=True)
    Plan(**faults).write(control, (out.parent,))
    load_control(control)
    try:
        write_hdf5(out, {"lfcc": store}, {"note": "made"})
    finally:
        load_control(None)

write(ops=("write",))
content, calls = out.read_bytes(), _Control.from_buffer_copy(control.read_bytes()).matched
for nth in range(1, calls + 1):
    for times in (1, ALWAYS):
        try:
            write(action="fail", ops=("write",), nth=nth, times=times, number=number)
        except Exception as error:
            print(nth, type(error).__name__)
        assert out.read_bytes() == content and len(list(out.parent.iterdir())) == 1
print("calls", calls)
"""


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
@pytest.mark.parametrize(("number", "expected"), [(errno.EIO, "OSError"), (errno.ENOSPC, "NoSpace")])
def test_every_failed_write_is_told_and_what_was_there_stays(tmp_path: Path, number: int, expected: str):
    fill(tmp_path / "store", [2, 0, 3])
    environment = os.environ | {"LD_PRELOAD": str(compile_shim(tmp_path))}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(tmp_path / "control"), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=Path.cwd())
    assert done.returncode == 0, (done.returncode, done.stderr)
    *told, last = done.stdout.splitlines()
    calls = int(last.split()[1])
    assert calls >= 3
    assert told == [f"{nth} {expected}" for nth in range(1, calls + 1) for _ in range(2)]
