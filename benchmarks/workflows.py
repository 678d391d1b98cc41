"""How long whole commands take, where a goal names minutes: on a copy of the work folder of UNMASK_WORK, or on none."""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import Figures, NotMeasured, find_corpora, find_corpus

ROOT = Path(__file__).parents[1]
PRESETS = (
    "full,early-fusion,late-fusion,cross-attention,contrastive,full-no-adversarial,full-no-balancing,video-baseline"
)
SEEDS, ROUNDS = "0,1,2", 5
TESTERS = "3"
"""As in the Makefile."""


def measure_import() -> Figures:
    """Processor time of `import unmask`, beyond that of starting Python."""
    programs = {"import": "import unmask", "nothing": "pass"}
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, program in programs.items():
            before = _read_children_seconds()
            subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
            taken[name].append(_read_children_seconds() - before)
    return {"seconds": statistics.median(taken["import"]) - statistics.median(taken["nothing"])}


def measure_demo() -> Figures:
    """`unmask demo` in a new folder, with the program already set up."""
    with tempfile.TemporaryDirectory() as name:
        return {"seconds": _time_unmask("demo", "--work", f"{name}/demo")}


def measure_tests() -> Figures:
    """The test suite as `make test` runs it, with real media."""
    corpus = {"UNMASK_CORPUS": str(find_corpus())}
    single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    options = ("-n", TESTERS, "--dist", "loadfile", "--no-loadscope-reorder", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=os.environ | corpus | single, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(done.stdout.strip().rpartition("\n")[2] or "the tests failed")
    return {"seconds": seconds}


def measure_probe() -> Figures:
    """`unmask probe` of the 12 layers of a ViT-B/16 with both poolings. Random weights take the same time."""
    import timm
    from timm.models import save_for_hf

    with _copy_work() as work:
        weights = work / "weights"
        save_for_hf(timm.create_model("vit_base_patch16_224"), weights, safe_serialization=True)
        settings = work / "encoders.yaml"
        settings.write_text(f"encoders:\n  - name: vit_b16\n    weights: {weights}\n", encoding="utf-8")
        seconds = _time_unmask("probe", "--settings", str(settings), "--work", str(work), "--out", str(work / "out"))
    return {"seconds": seconds}


def measure_ablation() -> Figures:
    with _copy_work() as work:
        shutil.rmtree(work / "runs", ignore_errors=True)  # finished trainings would be reused
        return {"seconds": _time_unmask("ablate", "--presets", PRESETS, "--seeds", SEEDS, "--work", str(work))}


def measure_robustness() -> Figures:
    """The newest run under all corruptions at all strengths, with nothing kept from earlier calls."""
    with _copy_work() as work:
        shutil.rmtree(work / "robustness", ignore_errors=True)
        _time_unmask("evaluate", "--work", str(work))
        return {"seconds": _time_unmask("robustness", "--work", str(work))}


def measure_sync() -> Figures:
    """`unmask adapt sync` on the videos of all folders, once their mouth crops are there."""
    with tempfile.TemporaryDirectory() as name:
        work = str(Path(name) / "work")
        _time_unmask("scan", *(str(folder.absolute()) for folder in find_corpora()), "--work", work)
        _time_unmask("preprocess", "--profile", "offline", "--set", "preprocess.mouth_fps=25", "--work", work)
        return {"seconds": _time_unmask("adapt", "sync", "--work", work)}


def measure_warm_verdict() -> Figures:
    """The second verdict on an image by one warm process, as the service and notebooks have it."""
    import torch

    from unmask.core.work_folder import WorkFolder
    from unmask.evaluation.verdicts.options import PredictOptions
    from unmask.evaluation.verdicts.warm import WarmPredictor
    from unmask.manifests.manifest import read_manifest

    with _copy_work() as folder:
        work = WorkFolder(folder)
        manifest = read_manifest(work.manifest)
        images = [manifest.locate(row) for row in manifest.rows() if row.kind == "image" and row.status == "ok"]
        runs = sorted(path.parent for path in work.runs.glob("full-*/best_multimodal_all_datasets.pth"))
        if len(images) < ROUNDS + 1 or not runs or not images[0].is_file():
            raise NotMeasured("the work folder has no run of `full`, or its images are gone")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with WarmPredictor(runs[-1], device, PredictOptions(folder=folder)) as predictor:
            predictor.predict([images[0]])
            taken = []
            for image in images[1 : ROUNDS + 1]:
                began = time.perf_counter()
                predictor.predict([image])
                taken.append(time.perf_counter() - began)
    return {"seconds": statistics.median(taken)}


@contextmanager
def _copy_work() -> Iterator[Path]:
    """A copy of the work folder, so that runs and results of the commands stay out of it."""
    given = os.environ.get("UNMASK_WORK")
    if not given or not (Path(given) / "manifest.parquet").is_file():
        raise NotMeasured("set UNMASK_WORK to a trained work folder")
    with tempfile.TemporaryDirectory() as name:
        yield Path(shutil.copytree(given, Path(name) / "work"))


def _time_unmask(*arguments: str) -> float:
    """Seconds on the wall. Exit code 3 tells of single files that failed."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "unmask", *arguments, "--quiet"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    seconds = time.perf_counter() - began
    if done.returncode not in (0, 3):
        last = done.stderr.decode(errors="replace").strip().splitlines()[-2:]
        raise RuntimeError(f"unmask {arguments[0]} ended with exit code {done.returncode}: {' '.join(last)}")
    return seconds


def _read_children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
