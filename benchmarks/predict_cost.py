"""Processor time of whole calls of `unmask predict` as multiples of `import torch`; UNMASK_WORK is a trained folder.

The files are those of its manifest: the first image, the video nearest to ten seconds, the first hundred images.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figures, NotMeasured
from unmask.core.errors import MissingInput
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow, read_manifest

MISSING = "not measured: set UNMASK_WORK to a work folder with a run and its data"
ROUNDS, MANY, VIDEO_SECONDS = 3, 100, 10.0
# Some files of a folder may have no score.
ENDINGS = (0, 3)


def main() -> str:
    try:
        medians, many = _measure_calls()
    except NotMeasured as error:
        return str(error)
    first = medians["import torch"]
    lines = [f"{name:28} {taken:8.2f} s   {taken / first:6.2f} x import torch" for name, taken in medians.items()]
    if many > 1:
        further = (medians[next(reversed(medians))] - medians["one image"]) / (many - 1)
        lines.append(f"{'each further image':28} {further:8.3f} s   {further / first:6.3f} x import torch")
    return "\n".join(lines)


def measure_goals() -> Figures:
    """Processor time of one image and of the video, as multiples of `import torch`."""
    medians, _ = _measure_calls()
    first = medians["import torch"]
    kinds = {"image": "one image", "video": "one video"}
    return {
        kind: taken / first
        for kind, prefix in kinds.items()
        for name, taken in medians.items()
        if name.startswith(prefix)
    }


def _measure_calls() -> tuple[dict[str, float], int]:
    """Seconds of each call, and the images of the last one. `NotMeasured` without a trained work folder."""
    given = os.environ.get("UNMASK_WORK")
    if not given:
        raise NotMeasured(MISSING)
    work = Path(given).absolute()
    command = [sys.executable, "-m", "unmask", "predict", "--work", str(work), "--quiet"]
    try:
        files = choose_files(read_manifest(WorkFolder(work).manifest))
    except MissingInput as error:
        raise NotMeasured(f"not measured: {error.problem}") from error
    calls = {"import torch": [sys.executable, "-c", "import torch"]}
    calls |= {name: [*command, *map(str, paths)] for name, paths in files.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):  # in turn, so that a machine that drifts slows all alike
        for name, call in calls.items():
            seconds[name].append(measure(call))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return medians, len(files.get("one image", [])) and len(next(reversed(files.values())))


def choose_files(manifest: Manifest) -> dict[str, list[Path]]:
    """Name of a call -> its files, those of it that the manifest has."""
    rows = [row for row in manifest.rows() if row.status == "ok"]
    images = [row for row in rows if row.kind == "image"][:MANY]
    videos = sorted((row for row in rows if row.kind == "video"), key=_find_distance)[:1]
    found = {"one image": images[:1], **{f"one video of {row.duration_s:.0f} s": [row] for row in videos}}
    found[f"{len(images)} images"] = images
    return {name: [manifest.locate(row) for row in chosen] for name, chosen in found.items() if chosen}


def measure(command: Sequence[str]) -> float:
    """Seconds of user and system time of a command and all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in ENDINGS, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _find_distance(row: MediaRow) -> float:
    return abs((row.duration_s or 0.0) - VIDEO_SECONDS)
