"""Versions, devices and free memory of this machine, for `unmask doctor` and the records of runs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.core.errors import UsageError
from unmask.core.process_pool import count_cores

if TYPE_CHECKING:
    import torch

GIB, KIB = 1024**3, 1024
CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")

# Field of /proc/self/status that each limit counts.
LIMITS = ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData"))
# (limit, usage, page cache that is given back when memory is short) of version 2 and of version 1.
FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)

# Packages whose version can change numerical results.
PACKAGES = (
    "torch torchvision torchaudio timm transformers numpy zarr zarrs h5py pyarrow av decord soundfile facenet-pytorch "
    "scikit-learn pillow"
).split()


def read_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Package -> installed version, or "missing"."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def list_gpus() -> list[dict[str, Any]]:
    """Name and memory in GiB of each CUDA device torch can use."""
    import torch

    found = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        found.append({"name": torch.cuda.get_device_name(index), "free_gib": free / GIB, "total_gib": total / GIB})
    return found


def choose_device(name: str) -> torch.device:
    """Return the device; `auto` is the first GPU that torch can use, else the CPU. `UsageError` if it is missing."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"--device {name}: {error}", "auto, cpu, cuda or cuda:1") from error
    if device.type == "cuda" and not (torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()):
        raise UsageError(f"--device {name}: torch finds no such CUDA device", "unmask doctor; or --device cpu")
    return device


def read_memory_gib() -> tuple[float, float]:
    """(available, total) main memory in GiB that this process may use: a container's, where it is in one."""
    available, total = read_available_memory()
    return available / GIB, total / GIB


def read_available_memory() -> tuple[int, int]:
    """(available, total) bytes: the least of the machine, of every control group of this process, and of `ulimit`.

    /proc/meminfo tells a container of the whole host, which ends a process that uses more than the container's share.
    """
    facts = _read_facts(PROC / "meminfo")
    found = [(facts["MemAvailable"] * KIB, facts["MemTotal"] * KIB), *read_cgroups(), *_read_ulimits()]
    return max(0, min(available for available, _ in found)), min(total for _, total in found)


def read_cgroups(root: Path = CGROUPS, memberships: Path = PROC / "self" / "cgroup") -> Iterator[tuple[int, int]]:
    """(available, total) bytes of each control group with a limit: the process's own and those around it."""
    for folder in _list_folders(root, memberships):
        for limit, usage, given_back in FILES:
            total, used = _read_number(folder / limit), _read_number(folder / usage)
            if total is None or used is None:
                continue
            facts = _read_facts(folder / "memory.stat")
            yield total - used + facts.get(given_back, 0), total


def _list_folders(root: Path, memberships: Path) -> Iterator[Path]:
    """Folders of the control groups that count memory, from the process's own up to the root of its hierarchy.

    Within a container the path may be that of the host: then only the root is there, and it is the container's own.
    """
    try:
        lines = memberships.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            top = root
        elif "memory" in controllers.split(","):
            top = root / "memory"
        else:
            continue
        own = top / path.lstrip("/")
        yield own
        yield from (parent for parent in own.parents if parent == top or top in parent.parents)


def _read_ulimits() -> Iterator[tuple[int, int]]:
    status = _read_facts(PROC / "self" / "status")
    for which, counted in LIMITS:
        limit, _ = resource.getrlimit(which)
        if limit != resource.RLIM_INFINITY:
            yield limit - status[counted] * KIB, limit


def _read_number(path: Path) -> int | None:
    """None for a file that is not there, and for "max"."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _read_facts(path: Path) -> dict[str, int]:
    """Lines of "name: 12 kB" or "name 12" as numbers; others are left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    parts = [line.replace(":", " ").split() for line in lines]
    return {part[0]: int(part[1]) for part in parts if len(part) > 1 and part[1].isdigit()}


def get_free_bytes(folder: Path) -> int:
    """Free bytes on the disk of `folder`, which need not exist yet."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def list_decoders() -> dict[str, str]:
    """Media library -> its version and that of its codecs, or why it cannot be loaded."""
    found = {}
    for name in ("av", "decord", "soundfile", "PIL"):
        try:
            module = __import__(name)
        except (ImportError, OSError) as error:  # OSError: a shared library is missing
            found[name] = f"unusable: {error}"
        else:
            native = getattr(module, "library_versions", {}) or getattr(module, "__libsndfile_version__", "")
            found[name] = f"{getattr(module, '__version__', '?')} {_codec_version(native)}".strip()
    return found


def _codec_version(native: Any) -> str:
    """PyAV gives a dictionary of FFmpeg libraries, soundfile a string, the others nothing."""
    if not isinstance(native, dict):
        return str(native)
    return f"libavcodec {'.'.join(map(str, native['libavcodec']))}" if native else ""


def describe(folder: Path) -> dict[str, Any]:
    """Everything above in one JSON-able dictionary; `folder` is where output would go."""
    available, total = read_memory_gib()
    return {
        "python": sys.executable,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": count_cores(),
        "cores_total": os.cpu_count(),
        "memory_available_gib": round(available, 1),
        "memory_total_gib": round(total, 1),
        "disk_free_gib": round(get_free_bytes(folder) / GIB, 1),
        "gpus": list_gpus(),
        "decoders": list_decoders(),
        "versions": read_versions(),
    }


# Named in evaluation.json, whose figures they can change.
EVALUATION_PACKAGES = ("unmask", "torch", "numpy", "timm", "transformers", "scikit-learn")


def describe_device(device: torch.device) -> dict[str, str]:
    """Device, cores, memory and versions as short texts, without a host or user name."""
    import torch

    cuda = device.type == "cuda"
    facts = {
        "device": torch.cuda.get_device_name(device) if cuda else f"CPU ({platform.machine()})",
        "cores": str(count_cores()),
        "memory": f"{read_memory_gib()[1]:.0f} GiB",
    }
    return facts | read_versions(EVALUATION_PACKAGES)
