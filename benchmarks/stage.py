"""The preprocess stage on real media: wall time compared with decoding and detection alone, memory by number of items.

UNMASK_CORPUS names the folder of media. Files are copied to have enough of them.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.figures import Figures, NotMeasured, find_corpus
from unmask.core.hashing import hash_quickly, make_media_id
from unmask.core.process_pool import count_cores
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Kind, Manifest, MediaRow, from_rows, write_manifest
from unmask.media.media_kind import KINDS
from unmask.media.timeline import read_timeline
from unmask.preprocess.clip_frames import read_clips, select_frames
from unmask.preprocess.faces.detection import detect
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.stage import preprocess
from unmask.preprocess.trim_silence import plan_clips

SETTINGS = PreprocessSettings()
COPIES = 3
FEW, MANY = 100, 400
POLL_S = 0.05
KIB_PER_MIB = 1024


def main() -> str:
    root = os.environ.get("UNMASK_CORPUS")
    if not root or not Path(root).is_dir():
        return "not measured: set UNMASK_CORPUS to a folder with media"
    logging.getLogger("unmask").setLevel(logging.WARNING)
    return "\n".join([compare_wall_time(Path(root)), compare_memory(Path(root))])


def measure() -> Figures:
    root = find_corpus()
    logging.getLogger("unmask").setLevel(logging.WARNING)
    wall, _, decoding, detecting, videos = _measure_wall_time(root)
    if wall <= 0:
        raise NotMeasured("the videos are too few to be told from the start of the workers")
    peaks = _measure_memory(root)
    return {
        "wall": wall * count_cores() / max(decoding, detecting),
        "parent": peaks[MANY][0] / peaks[FEW][0],
        "worker": peaks[MANY][1] / peaks[FEW][1],
        # Of the scale model: seconds of one core per video, through the whole stage.
        "core s per video": wall * count_cores() / videos,
    }


def compare_wall_time(root: Path) -> str:
    wall, starting, decoding, detecting, videos = _measure_wall_time(root)
    larger = max(decoding, detecting) / count_cores()
    return "\n".join(
        [
            f"{videos} videos on {count_cores()} cores: wall {wall:.2f} s per run without starting",
            f"    {wall / larger:.2f} times the larger of decoding and detection, divided by the cores (aim 1.3)",
            f"    {wall * count_cores() / (decoding + detecting):.2f} times both together",
            f"    decoding {decoding:8.2f} s of one core",
            f"    detection {detecting:7.2f} s of one core",
            f"    starting {starting:8.2f} s per run",
        ]
    )


def _measure_wall_time(root: Path) -> tuple[float, float, float, float, int]:
    """Seconds of a run without starting, of starting, of decoding and of detection; number of videos.

    The difference of a long and a short run excludes the start of the workers.
    """
    videos = _list_files(root, {"video"})
    decoding, detecting = _measure_work(videos)
    with tempfile.TemporaryDirectory() as name:
        once = _measure_wall(_make_manifest(videos, len(videos), Path(name) / "once"), Path(name) / "work-once")
        often = _measure_wall(
            _make_manifest(videos, len(videos) * (COPIES + 1), Path(name) / "often"), Path(name) / "work-often"
        )
    wall = (often - once) / COPIES
    return wall, once - wall, decoding, detecting, len(videos)


def compare_memory(root: Path) -> str:
    peaks = _measure_memory(root)
    lines = [
        f"peak memory, {who:15} {peaks[FEW][k]:6,.0f} MiB with {FEW} items, {peaks[MANY][k]:6,.0f} MiB with {MANY}:"
        f" {peaks[MANY][k] / peaks[FEW][k]:.2f} times (aim 1.10)"
        for k, who in enumerate(("parent", "largest worker"))
    ]
    return "\n".join(lines)


def _measure_memory(root: Path) -> dict[int, tuple[float, float]]:
    """The same files once and four times, so that both include the largest files."""
    every = _list_files(root, {"video", "image", "audio"})
    files = [every[k] for k in np.random.default_rng(1).permutation(len(every))[:FEW]]
    with tempfile.TemporaryDirectory() as name:
        return {count: _measure_peaks(files, count, Path(name) / str(count)) for count in (FEW, MANY)}


def _list_files(root: Path, kinds: set[Kind]) -> list[Path]:
    return sorted(path for path in root.rglob("*") if KINDS.get(path.suffix.lower()) in kinds)


def _measure_work(videos: list[Path]) -> tuple[float, float]:
    """Seconds of one core for decoding and for detection, as in the stage."""
    threads, detecting = torch.get_num_threads(), 0.0
    torch.set_num_threads(1)

    def timed(frames: NDArray[np.uint8], _: int) -> None:
        nonlocal detecting
        began = time.process_time()
        detect(frames, SETTINGS)
        detecting += time.process_time() - began

    detect(np.zeros((1, 64, 64, 3), np.uint8), SETTINGS)  # loads the networks
    began = time.process_time()
    for path in videos:
        timeline = read_timeline(path, max_pixels=SETTINGS.max_pixels, max_seconds=SETTINGS.max_seconds)
        windows = plan_clips(timeline.start_s, timeline.end_s, None, SETTINGS).windows
        picks = [select_frames(timeline, window, SETTINGS.frames_per_clip) for window in windows]
        read_clips(path, timeline, picks, timed)
    both = time.process_time() - began
    torch.set_num_threads(threads)
    return both - detecting, detecting


def _measure_wall(manifest: Manifest, work: Path) -> float:
    began = time.perf_counter()
    report = preprocess(manifest, SETTINGS, WorkFolder(work))
    assert report.done + len(report.failed) == len(manifest)
    return time.perf_counter() - began


def _make_manifest(files: list[Path], count: int, root: Path) -> Manifest:
    """`count` copies of `files`, shuffled."""
    root.mkdir(parents=True)
    rows = []
    # Neighbors in a folder are similar: shuffled, every shard costs about the same.
    mixed = [files[k] for k in np.random.default_rng(0).permutation(len(files))]
    for number, path in enumerate(islice(cycle(mixed), count)):
        name = f"{number:05}{path.suffix}"
        shutil.copyfile(path, root / name)
        rows.append(
            MediaRow(
                media_id=make_media_id("bench", name),
                dataset="bench",
                domain_id=-1,
                path=name,
                kind=KINDS[path.suffix.lower()],
                label=0,
                content=hash_quickly(root / name),
            )
        )
    return from_rows(rows, {"bench": str(root)})


def _measure_peaks(files: list[Path], count: int, folder: Path) -> tuple[float, float]:
    """MiB of the process that runs the stage, and of its largest worker."""
    write_manifest(folder / "manifest.parquet", _make_manifest(files, count, folder / "files"))
    program = (
        "import sys; from pathlib import Path; from unmask.core.work_folder import WorkFolder\n"
        "from unmask.manifests.manifest import read_manifest; from unmask.preprocess.stage import preprocess\n"
        "from unmask.preprocess.profiles import PreprocessSettings\n"
        "folder = Path(sys.argv[1])\n"
        "preprocess(read_manifest(folder / 'manifest.parquet'), PreprocessSettings(), WorkFolder(folder / 'work'))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(folder)])
    highest: dict[int, float] = {}
    while process.poll() is None:
        for pid in [process.pid, *_list_descendants(process.pid)]:
            highest[pid] = max(highest.get(pid, 0.0), _read_peak_mib(pid))
        time.sleep(POLL_S)
    assert process.returncode == 0
    parent = highest.pop(process.pid)
    return parent, max(highest.values())


def _list_descendants(pid: int) -> list[int]:
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return children + [each for child in children for each in _list_descendants(child)]


def _read_peak_mib(pid: int) -> float:
    try:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    except OSError:  # it has ended
        return 0.0
    return int(status.get("VmHWM", "0").split()[0]) / KIB_PER_MIB
