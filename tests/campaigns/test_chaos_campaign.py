"""The short form of `make chaos`: as many rounds as fit, of all stages and faults.

UNMASK_CHAOS_SECONDS=600 make campaigns     more of them; UNMASK_SEED=7 for others
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.chaos.shim import find_compiler

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1800)]
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.skipif(find_compiler() is None, reason="the shim needs a C compiler")
def test_nothing_is_lost_whatever_goes_wrong(capsys: pytest.CaptureFixture[str]):
    seconds, seed = os.environ.get("UNMASK_CHAOS_SECONDS", "40"), os.environ.get("UNMASK_SEED", "0")
    command = [sys.executable, "-m", "benchmarks", "chaos", "--seconds", seconds, "--seed", seed]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    with capsys.disabled():
        print(f"\n{done.stdout}")
    assert done.returncode == 0, done.stderr + done.stdout
