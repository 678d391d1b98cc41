"""Versions, devices and free memory of this machine, for `unmask doctor` and the records of runs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.core.errors import UsageError
from unmask.core.process_pool import count_cores

if TYPE_CHECKING:
    import torch

GIB = 1024**3

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
    """(available, total) main memory in GiB."""
    facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    available, total = (int(facts[name].split()[0]) / 1024**2 for name in ("MemAvailable", "MemTotal"))
    return available, total


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
