"""Scan 10,000 files of five datasets: list files and read names, probe headers, then scan again without changes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile
from PIL import Image

from unmask.core.process_pool import count_cores
from unmask.manifests.scan.discovery import find_datasets
from unmask.manifests.scan.scan import scan
from unmask.manifests.splits.schemes import resplit

FILES = 10_000
KIB_PER_MIB = 1024
Result = TypeVar("Result")


def main() -> str:
    """Run in a new process, so that the memory of other benchmarks is not counted."""
    program = "from benchmarks import scan; print(scan.measure())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


def measure() -> str:
    # Set TMPDIR to measure a certain disk.
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "data"
        _write(root)
        read, found = _time(lambda: [dataset.scan() for dataset in find_datasets(root)])
        assert sum(len(part.rows) for part in found) == FILES
        whole, (manifest, _) = _time(lambda: scan(root, say=_ignore))
        split, _ = _time(lambda: resplit(manifest, "default", 0))
        again, (_, report) = _time(lambda: scan(root, previous=manifest, say=_ignore))
        assert report.skipped == FILES
    probing = max(whole - read - split, 1e-9)
    lines = {
        "walk and names": read,
        f"probe headers, {count_cores()} workers": probing,
        "whole first scan": whole,
        "second scan, nothing changed": again,
    }
    shown = [f"{label:32} {FILES / seconds:12,.0f} files/s   {seconds:6.2f} s" for label, seconds in lines.items()]
    return "\n".join([*shown, f"{'peak memory, without workers':32} {_measure_peak_mib():12,.0f} MiB"])


def _measure_peak_mib() -> float:
    # Not getrusage: its maximum includes the parent process.
    facts = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(facts["VmHWM"].split()[0]) / KIB_PER_MIB


def _time(work: Callable[[], Result]) -> tuple[float, Result]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _ignore(line: str) -> None:
    pass


def _write(root: Path) -> None:
    """Images and audio of a few hundred bytes, so that headers are timed and not the disk."""
    samples = root.parent / "samples"
    samples.mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(samples / "a.jpg")
    soundfile.write(samples / "a.wav", np.zeros(200, np.int16), 16_000)
    content = {path.suffix: path.read_bytes() for path in samples.iterdir()}
    for number, path in enumerate(_list_paths()):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        # Bytes after the end of the media are not decoded; they make every file different.
        (root / path).write_bytes(content[Path(path).suffix] + number.to_bytes(4, "little"))


def _list_paths() -> Iterator[str]:
    share = FILES // 5
    for number in range(share):
        label, person, other = ("real", "fake")[number % 2], number % 28 + 1, (number + 1) % 28 + 1
        part = ("Train", "Test", "Validation")[number % 3]
        yield f"archive (2)/Dataset/{part}/{label.title()}/{label}_{number}.jpg"
        name = f"{person:02}__a" if label == "real" else f"{person:02}_{other:02}__a__ABCDEFGH"
        yield f"dfd_faces/{('train', 'test', 'val')[number % 3]}/{label}/{name}_face{number:05}.jpg"
        yield f"Deepfake image detection dataset/train-1/train/{label}/{number}.jpg"
        names = f"p{number}-original" if label == "real" else f"p{number}-to-p{number - 1}"
        yield f"DeepFake_AudioDataset/KAGGLE/AUDIO/{label.upper()}/{names}.wav"
        yield f"mine/{label}/{number % 100:02}/{number}.wav"
