"""Memory of one process after many small items: flat, or something keeps what it has worked on.

python -m benchmarks memory                 a table of all kinds of work
python -m benchmarks.memory train 12        MiB after each of twelve blocks of work, one per line
"""

from __future__ import annotations

import gc
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.chaos.media import write_media
from benchmarks.figures import Figures

if TYPE_CHECKING:
    from unmask.manifests.manifest import Manifest
    from unmask.preprocess.profiles import Profile

WARM_UP = 3
"""Blocks that load libraries and fill caches of fixed size."""
BLOCKS = 12
Block = Callable[[Path], int]
"""Does a block of work with a fresh folder; how many items that were."""


def main() -> str:
    """Loaded libraries, models and PyTorch's caches are in every figure; only growth is of interest."""
    lines = [f"{'work':20}{'items':>8}{'MiB after warm-up':>20}{'at the end':>12}{'ratio':>8}"]
    for name in KINDS:
        curve, items = measure(name, BLOCKS)
        lines.append(f"{name:20}{items:8}{curve[0]:20.0f}{curve[-1]:12.0f}{compute_growth(curve):8.3f}")
    return "\n".join(lines)


def measure_goals() -> Figures:
    return {name: compute_growth(measure(name, BLOCKS)[0]) for name in KINDS}


def measure(name: str, blocks: int) -> tuple[list[float], int]:
    """MiB after each block from the warm-up on, and all items, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", name, str(blocks)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise RuntimeError(done.stderr)
    *curve, items = done.stdout.split()
    return [float(text) for text in curve], int(items)


def compute_growth(curve: list[float]) -> float:
    """The end, relative to the end of the warm-up."""
    return max(curve[-2:]) / max(curve[:2])


def read_memory_mib() -> float:
    """Resident memory of this process."""
    gc.collect()
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def begin_preprocess_worker(base: Path, stack: ExitStack) -> Block:
    """What a worker process does with each item."""
    from unmask.preprocess.stage import make_task
    from unmask.preprocess.worker import preprocess_item, start_worker

    manifest, settings = _scan(base), _profile().preprocess
    start_worker()
    tasks = [make_task(manifest, row, settings) for row in manifest.rows()]

    def block(folder: Path) -> int:
        return len([preprocess_item(task) for task in tasks])

    return block


def begin_preprocess(base: Path, stack: ExitStack) -> Block:
    """The process of the command, whose workers live as long as it."""
    from unmask.core.warm.kept_values import keep_values
    from unmask.core.work_folder import WorkFolder
    from unmask.preprocess.stage import Limits, preprocess

    manifest = _scan(base)
    stack.enter_context(keep_values())

    def block(folder: Path) -> int:
        return preprocess(manifest, _profile().preprocess, WorkFolder(folder), Limits(workers=1)).given

    return block


def begin_extract(base: Path, stack: ExitStack) -> Block:
    import torch

    from unmask.cache.stage import extract
    from unmask.core.work_folder import WorkFolder
    from unmask.preprocess.stage import Limits, preprocess

    manifest, work = _scan(base), WorkFolder(base / "work")
    preprocess(manifest, _profile().preprocess, work, Limits(workers=1))

    def block(folder: Path) -> int:
        shutil.copytree(work.root / "media", folder / "media")
        extract(manifest, _profile(), WorkFolder(folder), device=torch.device("cpu"))
        return len(manifest)

    return block


def begin_train(base: Path, stack: ExitStack) -> Block:
    import torch

    from unmask.cache.stage import extract, open_tokens
    from unmask.core.work_folder import WorkFolder
    from unmask.preprocess.stage import Limits, preprocess
    from unmask.train.data.token_data import TokenData
    from unmask.train.fit import fit
    from unmask.train.presets import make_preset
    from unmask.train.run_folder import run_folder

    logging.getLogger("unmask").setLevel(logging.ERROR)
    manifest, work, profile = _scan(base), WorkFolder(base / "work"), _profile()
    preprocess(manifest, profile.preprocess, work, Limits(workers=1))
    extract(manifest, profile, work, device=torch.device("cpu"))
    data = TokenData.load(manifest, open_tokens(work, manifest, profile))
    config = make_preset("full").changed({"epochs": 4, "patience": 4})

    def block(folder: Path) -> int:
        return fit(data, config, run_folder(folder, data, config), device=torch.device("cpu")).train_clips

    block(base / "runs")  # the run that begin_serve takes
    return block


def begin_serve(base: Path, stack: ExitStack) -> Block:
    """As the service does with each upload."""
    import torch

    from unmask.evaluation.verdicts.options import PredictOptions
    from unmask.evaluation.verdicts.warm import WarmPredictor

    begin_train(base, stack)
    (run,) = (base / "runs").glob("full-*")
    files = sorted((base / "data/pictures/test").rglob("[01].png")) + sorted((base / "data/sounds/test").rglob("*.wav"))
    options = PredictOptions(pictures=True, folder=base)
    predictor = stack.enter_context(WarmPredictor(run, torch.device("cpu"), options))

    def block(folder: Path) -> int:
        return sum(len(predictor.predict([path])) for path in files)

    return block


KINDS: dict[str, Callable[[Path, ExitStack], Block]] = {
    "preprocess-worker": begin_preprocess_worker,
    "preprocess": begin_preprocess,
    "extract": begin_extract,
    "train": begin_train,
    "serve": begin_serve,
}


def _scan(base: Path) -> Manifest:
    from unmask.manifests.scan.scan import scan

    return scan(base / "data", workers=1, say=lambda line: None)[0]


def _profile() -> Profile:
    from unmask.preprocess.profiles import tiny

    return tiny()


def run_blocks(name: str, blocks: int) -> None:
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        base, items = Path(place), 0
        write_media(base / "data")
        block = KINDS[name](base, stack)
        for number in range(blocks):
            folder = base / "block"
            folder.mkdir()
            items += block(folder)
            shutil.rmtree(folder)
            if number >= WARM_UP - 1:
                print(f"{read_memory_mib():.1f}", flush=True)
        print(items)


if __name__ == "__main__":
    run_blocks(sys.argv[1], int(sys.argv[2]))
