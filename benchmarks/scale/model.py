"""A million videos on paper: hours, bytes and money of every stage, and which one bounds them.

A stage takes the longer of its computation and of reading its input, since both go on at the same time; stages follow
one another. Cost per video is taken as constant, which `python -m benchmarks scale` checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.scale.inputs import Input, Machine

HOUR = 3600.0
STAGES = ("scan", "preprocess", "extract", "train")


@dataclass(frozen=True, slots=True)
class Estimate:
    machine: Machine
    hours: dict[str, float]
    """Stage -> hours on one such machine."""
    bounds: dict[str, str]
    """Stage -> what bounds it: CPU, GPU or reading."""

    @property
    def total(self) -> float:
        return sum(self.hours.values())

    @property
    def money(self) -> float:
        return self.total * self.machine.price

    @property
    def slowest(self) -> str:
        return max(self.hours, key=lambda stage: self.hours[stage])

    @property
    def bottleneck(self) -> str:
        stage = self.slowest
        return f"{stage} ({self.bounds[stage]}), {self.hours[stage] / self.total:.0%} of the time"


def estimate(inputs: Mapping[str, Input], machine: Machine) -> Estimate:
    """Hours of each stage on one machine."""
    value = {name: one.value for name, one in inputs.items()}
    videos, clips = value["videos"], value["videos"] * value["clips"]
    preprocess_s = value["preprocess_s"] + value["own_s"]
    work = {
        "scan": (videos * value["probe_s"] / machine.cores, "CPU"),
        "preprocess": (videos * preprocess_s / machine.cores, "CPU"),
        "extract": _extract_seconds(value, clips, machine),
        "train": _train_seconds(value, clips, machine),
    }
    read_gb = {"scan": 0.0, "preprocess": video_gb(value), "extract": media_gb(value), "train": 0.0}
    hours, bounds = {}, {}
    for stage, (seconds, bound) in work.items():
        reading = read_gb[stage] * 1e3 / value["read_mb_s"]
        hours[stage], bounds[stage] = max(seconds, reading) / HOUR, bound if seconds >= reading else "reading"
    return Estimate(machine, hours, bounds)


def _extract_seconds(value: Mapping[str, float], clips: float, machine: Machine) -> tuple[float, str]:
    """ViT-B/16 and Wav2Vec2 Base on a GPU; the encoders of the profile `offline` without one."""
    if not machine.gpu_rate:
        return clips * value["cpu_clip_s"] / machine.cores, "CPU"
    return clips * (1 + value["gpu_audio_share"]) / (value["gpu_clips_s"] * machine.gpu_rate), "GPU"


def _train_seconds(value: Mapping[str, float], clips: float, machine: Machine) -> tuple[float, str]:
    """LARGE on a GPU; SMALL on cores, whose rate is that of two."""
    drawn = clips * value["epochs"]
    if machine.gpu_rate:
        return drawn / value["train_gpu_clips_s"], "GPU"
    return drawn / (value["train_clips_s"] * machine.cores / 2), "CPU"


def video_gb(value: Mapping[str, float]) -> float:
    return value["videos"] * value["video_mb"] / 1e3


def media_gb(value: Mapping[str, float]) -> float:
    return value["videos"] * value["media_mb"] / 1e3


def token_gb(value: Mapping[str, float]) -> dict[str, float]:
    """Of one image and of one audio encoder."""
    clips = value["videos"] * value["clips"]
    return {kind: clips * value[kind] * value["token_kb"] / 1e6 for kind in ("faces", "audio_tokens")}


def count_bytes(inputs: Mapping[str, Input]) -> dict[str, float]:
    """What is stored -> GB."""
    value = {name: one.value for name, one in inputs.items()}
    tokens = token_gb(value)
    return {
        "videos": video_gb(value),
        "media shards": media_gb(value),
        "tokens of one image encoder": tokens["faces"],
        "tokens of one audio encoder": tokens["audio_tokens"],
    }


def split_money(inputs: Mapping[str, Input], gpu: Machine, cpu: Machine) -> tuple[float, float]:
    """(hours, money) where `cpu` scans and preprocesses and `gpu` does the rest, one node of each."""
    first, second = estimate(inputs, cpu).hours, estimate(inputs, gpu).hours
    on_cpu, on_gpu = first["scan"] + first["preprocess"], second["extract"] + second["train"]
    return on_cpu + on_gpu, on_cpu * cpu.price + on_gpu * gpu.price
