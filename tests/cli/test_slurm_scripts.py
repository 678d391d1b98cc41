"""The Slurm scripts of the guides: valid for bash, and what they start under a stub scheduler gives the usual bytes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from guides import DOCS
from PIL import Image

from unmask.cli.app import main

PARTS = 3

# Runs the script at once, once per task of its array; an array of 8 is cut to PARTS.
SBATCH = """#!/bin/bash
set -e
for last in "$@"; do :; done
[ "$1" = --parsable ]
echo "$2" >> "$LOG/dependencies"
cpus=$(sed -n 's/^#SBATCH --cpus-per-task=//p' "$last")
if grep -q '^#SBATCH --array=1-' "$last"; then count=PARTS; else count=0; fi
for task in $(seq 1 $count); do
  SLURM_CPUS_PER_TASK=$cpus SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=$count bash "$last" >&2
done
[ $count -gt 0 ] || SLURM_CPUS_PER_TASK=$cpus bash "$last" >&2
wc -l < "$LOG/dependencies"
"""
SRUN = '#!/bin/bash\nexec "$@"\n'
# Notes what it is called with, one JSON list per call.
NOTE = """#!/usr/bin/env python3
import json, os, sys
with open(os.path.join(os.environ["LOG"], os.path.basename(sys.argv[0])), "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
"""


def scripts(guide: str) -> dict[str, str]:
    """File name -> content of the bash blocks below the name."""
    text = (DOCS / guide).read_text(encoding="utf-8")
    return dict(re.findall(r"^`([\w.]+)`[^\n]*:\n\n```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def run_script(folder: Path, name: str, **environment: str) -> None:
    programs = {
        "sbatch": SBATCH.replace("PARTS", str(PARTS)),
        "srun": SRUN,
        "unmask": NOTE,
        "torchrun": NOTE,
        "scontrol": "#!/bin/bash\necho node1\necho node2\n",
    }
    for program, content in programs.items():
        path = folder / "bin" / program
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
    environment |= {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "LOG": str(folder)}
    subprocess.run(["bash", name], cwd=folder, env=os.environ | environment, check=True)


def read_calls(folder: Path, program: str) -> list[list[str]]:
    return [json.loads(line) for line in (folder / program).read_text().splitlines()]


@pytest.mark.parametrize("guide", ["parallel.md", "distributed.md"])
def test_bash_accepts_every_script(guide: str):
    found = scripts(guide)
    assert found
    for content in found.values():
        subprocess.run(["bash", "-n"], input=content, text=True, check=True)


def test_torchrun_is_started_once_per_machine(tmp_path: Path):
    (tmp_path / "train.sbatch").write_text(scripts("distributed.md")["train.sbatch"])
    run_script(tmp_path, "train.sbatch", SLURM_NNODES="2", SLURM_JOB_ID="71", SLURM_JOB_NODELIST="node[1-2]")
    (call,) = read_calls(tmp_path, "torchrun")
    assert call[call.index("--nnodes") + 1] == "2"
    assert call[call.index("--rdzv-endpoint") + 1] == "node1:29500"
    assert call[call.index("-m") + 1 :][:2] == ["unmask", "train"]


def make_data(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        for label in ("real", "fake"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(folder / f"{number}.png")
    return root


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--quiet"])
    assert ended.value.code == 0


def contents(work: Path) -> dict[str, bytes]:
    files = [path for path in work.rglob("*") if path.is_file()]
    left_out = ("locks", "scan-parts")
    found = {path.relative_to(work): path.read_bytes() for path in files}
    return {str(path): content for path, content in found.items() if path.parts[0] not in left_out}


def test_the_arrays_of_every_stage_give_the_bytes_of_one_process(tmp_path: Path):
    for name, content in scripts("parallel.md").items():
        (tmp_path / name).write_text(content)
    data, work = make_data(tmp_path / "data"), tmp_path / "work"
    script = (tmp_path / "submit.sh").read_text()
    (tmp_path / "submit.sh").write_text(script.replace("/data/deepfakes", str(data)).replace("/shared/work", str(work)))
    run_script(tmp_path, "submit.sh")
    calls = read_calls(tmp_path, "unmask")
    stages = [call[0] for call in calls]
    assert stages == [stage for each in ("scan", "preprocess", "extract") for stage in [each] * PARTS + ["merge"]]
    after = (tmp_path / "dependencies").read_text().split()
    assert after[1:] == [f"--dependency=afterok:{number}" for number in range(1, 6)]

    profile = ("--profile", "tiny")
    for call in calls:
        run(*call, *(profile if call[0] == "preprocess" else ()))
    alone = tmp_path / "alone"
    run("scan", str(data), "--work", str(alone), "--workers", "1")
    run("preprocess", "--work", str(alone), "--workers", "1", *profile)
    run("extract", "--work", str(alone))
    assert contents(work) == contents(alone)
