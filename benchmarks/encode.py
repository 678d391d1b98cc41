"""Encoding through the extract stage, relative to the encoder's forward pass on tensors in memory, as torch runs it.

The stage reads media shards, converts, encodes, projects, checksums and writes. Start-up and
loading a network are excluded by the difference of a long and a short run. Runs on a GPU if there is one.
"""

from __future__ import annotations

import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from timm.models import save_for_hf

from benchmarks.figures import Figures, NotMeasured
from unmask.cache.encoder_runner import CPU_BATCH
from unmask.cache.encoders import make_encoder
from unmask.cache.stage import extract
from unmask.core.processes.large_blocks import share_heap
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow, from_rows
from unmask.preprocess.profiles import EncoderChoice, Profile, offline
from unmask.preprocess.shards.media_item import Clip, MediaItem
from unmask.preprocess.shards.media_shard import write_shard
from unmask.preprocess.shards.shard_plan import get_media_folder, make_plan
from unmask.preprocess.task import make_item_key

ENCODERS = ("efficientnet_lite0", "whisper_tiny", "lfcc", "vit_b16")
FACES_PER_CLIP, SAMPLES_PER_CLIP = 8, 64_000
# Clips of the short and the long run: both end with a whole shard, which nothing is read beside.
CLIPS = {"cpu": (64, 192), "cuda": (256, 2304)}
# Of a network that takes a second per clip on a CPU.
SLOW = {"vit_b16": (16, 48)}
# Rounds of both, of which the medians count: machines drift by more than the goal leaves.
ROUNDS, ENOUGH_S = 7, 120
# Distinct clips: fine noise on smooth images compresses about as well as faces.
DISTINCT = 32
GPU_BATCH = 64
WARM_UP = 4
AIM = 0.9


@dataclass(frozen=True, slots=True)
class Rates:
    """Clips per second."""

    stage: float
    forward: float


def main() -> str:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    lines = [
        f"{name:20} stage {one.stage:9,.1f} clips/s, its forward pass {one.forward:9,.1f} clips/s:"
        f" {one.stage / one.forward:.2f} of it (aim {AIM})"
        for name, one in measure_rates(device).items()
    ]
    return "\n".join([f"on {device.type}", *lines])


def measure_on_cpu() -> Figures:
    """Rate of each encoder through the stage relative to its forward pass, and what the scale model takes (clips/s)."""
    return _as_figures(measure_rates(torch.device("cpu")))


def measure_on_gpu() -> Figures:
    if not torch.cuda.is_available():
        raise NotMeasured("no GPU")
    return _as_figures(measure_rates(torch.device("cuda")))


def _as_figures(rates: dict[str, Rates]) -> Figures:
    return {name: one.stage / one.forward for name, one in rates.items()} | {
        f"{name} clips/s": one.stage for name, one in rates.items()
    }


def measure_rates(device: torch.device, encoders: Sequence[str] = ENCODERS) -> dict[str, Rates]:
    logging.getLogger("unmask").setLevel(logging.WARNING)
    if device.type == "cpu":
        share_heap()  # as the command does
    with tempfile.TemporaryDirectory() as name:
        counts = {encoder: _choose_counts(encoder, device) for encoder in encoders}
        made = {count: make_media(Path(name) / str(count), count) for count in set(chain(*counts.values()))}
        return {
            encoder: _measure(_make_choice(encoder, Path(name)), device, [made[count] for count in counts[encoder]])
            for encoder in encoders
        }


def _choose_counts(encoder: str, device: torch.device) -> tuple[int, ...]:
    short, long = SLOW.get(encoder, CLIPS["cpu"]) if device.type == "cpu" else CLIPS[device.type]
    return WARM_UP, short, long


def _make_choice(name: str, folder: Path) -> EncoderChoice:
    """Random weights where the real ones are not on this machine: speed does not depend on them."""
    if name != "vit_b16":
        return EncoderChoice(name=name)
    save_for_hf(timm.create_model("vit_base_patch16_224"), folder / name, safe_serialization=True)
    return EncoderChoice(name=name, weights=str(folder / name))


def _measure(choice: EncoderChoice, device: torch.device, runs: list[tuple[WorkFolder, Manifest]]) -> Rates:
    profile = Profile(name="bench", encoders=(choice,))
    warm_up, *timed = runs
    _time_stage(*warm_up, profile, device)
    _time_forward(choice, device, WARM_UP)
    began, rounds = time.perf_counter(), list[list[float]]()
    while len(rounds) < ROUNDS and (not rounds or time.perf_counter() - began < ENOUGH_S):
        stage = [_time_stage(work, manifest, profile, device) for work, manifest in timed]
        rounds.append(stage + [_time_forward(choice, device, len(manifest)) for _, manifest in timed])
    short, long, few, many = map(statistics.median, zip(*rounds, strict=True))
    stage_s, forward_s, clips = long - short, many - few, len(timed[1][1]) - len(timed[0][1])
    if min(stage_s, forward_s) <= 0:
        raise NotMeasured("other work on the machine took more time than the measured runs differ by")
    return Rates(clips / stage_s, clips / forward_s)


def _time_stage(work: WorkFolder, manifest: Manifest, profile: Profile, device: torch.device) -> float:
    shutil.rmtree(work.tokens, ignore_errors=True)
    began = time.perf_counter()
    (report,) = extract(manifest, profile, work, device=device, batch_size=GPU_BATCH)
    assert report.done == len(manifest)
    return time.perf_counter() - began


def _time_forward(choice: EncoderChoice, device: torch.device, clips: int) -> float:
    """Time the same batches as the stage's, on tensors on the encoder's device."""
    encoder = make_encoder(choice, device)
    size = GPU_BATCH if device.type == "cuda" else CPU_BATCH
    count = clips * FACES_PER_CLIP if encoder.spec.modality == "image" else clips
    batch = _make_inputs(encoder.spec.modality, size).to(device)
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.float16, enabled=device.type == "cuda"):
        encoder.encode(batch)  # loads the network
        began = time.perf_counter()
        for _ in range(max(1, count // size)):
            tokens = encoder.encode(batch)
        tokens.cpu()
    return time.perf_counter() - began


def _make_inputs(modality: str, size: int) -> torch.Tensor:
    if modality == "image":
        return torch.randint(0, 256, (size, 224, 224, 3), dtype=torch.uint8)
    return torch.randn(size, SAMPLES_PER_CLIP) / 10


def make_media(root: Path, clips: int) -> tuple[WorkFolder, Manifest]:
    """Make a work folder with `clips` files of noise, one clip each."""
    work, settings, random = WorkFolder(root), offline().preprocess, np.random.default_rng(0)
    rows = [_make_row(number) for number in range(clips)]
    keys = {make_item_key(row): row for row in rows}
    folder, about = get_media_folder(work, settings), settings.model_dump(mode="json")
    made = [_make_clip(random) for _ in range(min(clips, DISTINCT))]
    for shard in make_plan(folder, list(keys)):
        items = [
            MediaItem(media_id=keys[key].media_id, content="c", clips=(made[number % len(made)],))
            for number, key in enumerate(shard.items)
        ]
        write_shard(folder / shard.name, items, face_size=settings.face_size, settings=about)
    return work, from_rows(rows, {"bench": "/nowhere"})


def _make_row(number: int) -> MediaRow:
    about: dict[str, Any] = {"dataset": "bench", "domain_id": -1, "kind": "video", "label": 0, "content": "c"}
    return MediaRow(media_id=f"{number:032x}", path=f"{number}.mp4", **about)


def _make_clip(random: np.random.Generator) -> Clip:
    return Clip(
        start_s=0.0,
        end_s=4.0,
        faces=_make_faces(random),
        face_times=np.arange(FACES_PER_CLIP, dtype=np.float32) / 2,
        boxes=np.zeros((FACES_PER_CLIP, 4), np.float32),
        landmarks=np.zeros((FACES_PER_CLIP, 5, 2), np.float32),
        confidence=np.ones(FACES_PER_CLIP, np.float32),
        audio=random.integers(-8000, 8000, SAMPLES_PER_CLIP, dtype=np.int16),
    )


def _make_faces(random: np.random.Generator) -> NDArray[np.uint8]:
    coarse = random.integers(40, 216, (FACES_PER_CLIP, 14, 14, 3), dtype=np.uint8).repeat(16, axis=1).repeat(16, axis=2)
    return coarse + random.integers(0, 32, coarse.shape, dtype=np.uint8)
