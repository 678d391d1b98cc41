"""What is noted beside every result: the machine, the commit, the sources, and how busy other processes were."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.goals.results import ROOT
from unmask.core.machine import list_gpus, read_memory_gib, read_versions
from unmask.core.process_pool import count_cores

PACKAGES = ("torch", "numpy", "timm", "transformers", "zarr", "zarrs", "pyarrow", "av", "decord")
CPU_INFO, PROC_STAT = Path("/proc/cpuinfo"), Path("/proc/stat")
GPU_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
IDLE_FIELDS = (3, 4, 8, 9)
"""Of /proc/stat's first line: idle, waiting for a disk, and the two of guests, which are counted as user time too."""
FLOORS = "unmask core metrics demo media manifests preprocess cache train evaluation".split()


def describe_machine() -> dict[str, str]:
    """Processor, cores that may be used, memory, GPU and versions; no name of a host or a user."""
    # Torch, which takes seconds to load, is asked only where the driver has made a device.
    gpus = list_gpus() if any(path.exists() for path in GPU_DEVICES) else []
    return {
        "cpu": read_cpu_name(),
        "cores": str(count_cores()),
        "memory": f"{read_memory_gib()[1]:.0f} GiB",
        "gpu": ", ".join(gpu["name"] for gpu in gpus),
        **read_versions(PACKAGES),
    }


def read_cpu_name(path: Path = CPU_INFO) -> str:
    """The model as the kernel names it, or the architecture."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else os.uname().machine


def read_commit(root: Path = ROOT) -> str:
    """Short hash, with "+" where tracked files other than results and documents differ; "?" outside of a repository."""
    try:
        head = _run_git(root, "rev-parse", "--short=9", "HEAD").strip()
        changed = _run_git(root, "status", "--porcelain", "--untracked-files=no", "--", "*.py", "*.toml", "*.txt")
    except (OSError, subprocess.CalledProcessError):
        return "?"
    return f"{head}+" if changed.strip() else head


def _run_git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout


def hash_sources(paths: Iterable[str], root: Path = ROOT) -> str:
    """Of files by their path in the repository; one that is gone changes it."""
    digest = hashlib.sha256()
    for name in sorted(paths):
        path = root / name
        digest.update(f"{name}\0".encode() + (path.read_bytes() if path.is_file() else b"gone") + b"\0")
    return digest.hexdigest()[:12]


def hash_package(root: Path = ROOT) -> str:
    """Of all Python sources of the package: figures of other code are measured again."""
    return hash_sources(
        (path.relative_to(root).as_posix() for floor in FLOORS for path in _list_sources(root / floor)), root
    )


def _list_sources(folder: Path) -> Iterable[Path]:
    """Links, which lead to the other floors, are left out."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from _list_sources(path)
        elif path.suffix == ".py":
            yield path


@dataclass(frozen=True, slots=True)
class Busyness:
    """A moment, to tell from a later one how many cores other processes used in between."""

    wall: float
    all: float
    """Seconds that all processes together have run."""
    ours: float
    """Seconds of this process and its ended children."""

    @classmethod
    def now(cls) -> Busyness:
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(time.monotonic(), _read_busy_seconds(), sum(one.ru_utime + one.ru_stime for one in own))

    def count_others(self) -> float:
        """Cores, from this moment until now; 0 where the kernel does not tell."""
        now = Busyness.now()
        used = (now.all - self.all) - (now.ours - self.ours)
        return max(0.0, used / max(now.wall - self.wall, 1e-9)) if now.all else 0.0


def _read_busy_seconds() -> float:
    try:
        fields = PROC_STAT.read_text(encoding="ascii").splitlines()[0].split()[1:]
    except (OSError, IndexError):
        return 0.0
    ticks = sum(int(value) for number, value in enumerate(fields) if number not in IDLE_FIELDS)
    return ticks / os.sysconf("SC_CLK_TCK")
