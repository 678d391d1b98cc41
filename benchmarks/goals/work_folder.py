"""The trained work folder for figures on tokens and runs: that of UNMASK_WORK, or work/bench, made of UNMASK_CORPUS."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import find_corpus
from benchmarks.goals.results import ROOT
from unmask.core.errors import MissingInput

MADE = ROOT / "work/bench"
STAGES = (
    ("scan",),
    ("preprocess", "--profile", "offline"),
    ("extract", "--profile", "offline"),
    ("train",),
    ("evaluate",),
)


def prepare_work(say: Callable[[str], None]) -> Path:
    """Each stage reuses what is there. `MissingInput` when one of them fails."""
    given = os.environ.get("UNMASK_WORK")
    if given:
        return Path(given).absolute()
    for stage, *options in STAGES:
        say(f"{MADE.relative_to(ROOT)}: {stage}")
        data = [str(find_corpus().absolute())] if stage == "scan" else []
        command = [sys.executable, "-m", "unmask", stage, *data, *options, "--work", str(MADE), "--quiet"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        if done.returncode not in (0, 3):  # 3: some files failed, as they do in most folders
            raise MissingInput(f"{MADE}: {stage} ended with exit code {done.returncode}", "see above")
    return MADE
