"""All layers of a network kept apart, relative to its deepest layer alone, through the whole extract stage.

Start-up and loading the network are part of both. Random weights where the real ones are not on this machine: speed
does not depend on them. Runs on a GPU if there is one; on a CPU the seconds are those of its cores, which a busy
machine does not change much.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import timm
import torch
from timm.models import save_for_hf

from benchmarks.encode import make_media
from benchmarks.figures import Figures
from benchmarks.timing import in_turn
from unmask.cache.stage import extract
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import EncoderChoice, Profile

CLIPS = {"cpu": 64, "cuda": 512}
"""At least one full shard: making the specs of each layer costs the same for any number of clips."""
ROUNDS = 3
LAYERS = {
    "whisper_tiny": (0, 1, 2, 3, 4),
    "efficientnet_lite0": (1, 2, 3, 4, 5),
    "timm:vit_tiny_patch16_224": tuple(range(1, 13)),
}
RANDOM = "timm:"
AIM = 1.1


def main() -> str:
    device = _choose_device()
    lines = [
        f"{name:28} {len(LAYERS[name]):2} layers apart {taken['apart']:6.2f} s, the deepest {taken['deepest']:6.2f} s:"
        f" {taken['apart'] / taken['deepest']:.2f} times (aim {AIM})"
        for name, taken in _measure_all(device).items()
    ]
    return "\n".join([f"on {device.type}, {CLIPS[device.type]} clips, {torch.get_num_threads()} threads", *lines])


def measure() -> Figures:
    """Time of all layers apart relative to the deepest alone, per network."""
    return {name: taken["apart"] / taken["deepest"] for name, taken in _measure_all(_choose_device()).items()}


def _choose_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _measure_all(device: torch.device) -> dict[str, dict[str, float]]:
    logging.getLogger("unmask").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        work, manifest = make_media(Path(name) / "work", CLIPS[device.type])
        return {encoder: _compare(encoder, Path(name), work, manifest, device) for encoder in LAYERS}


def _compare(name: str, folder: Path, work: WorkFolder, manifest: Manifest, device: torch.device) -> dict[str, float]:
    """Seconds of both ways."""
    layers, weights = LAYERS[name], _save_random(name, folder) if name.startswith(RANDOM) else None
    ways = {
        "apart": EncoderChoice(name=name, layer=layers, layers="apart", weights=weights),
        "deepest": EncoderChoice(name=name, layer=layers[-1], weights=weights),
    }
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    calls = {way: partial(_extract, choice, work, manifest, device) for way, choice in ways.items()}
    return in_turn(calls, ROUNDS, clock)


def _save_random(name: str, folder: Path) -> str:
    saved = folder / "weights"
    save_for_hf(timm.create_model(name.removeprefix(RANDOM)), saved, safe_serialization=True)
    return str(saved)


def _extract(choice: EncoderChoice, work: WorkFolder, manifest: Manifest, device: torch.device) -> None:
    shutil.rmtree(work.tokens, ignore_errors=True)
    for report in extract(manifest, Profile(name="bench", encoders=(choice,)), work, device=device):
        assert report.done == len(manifest)
