"""What training costs: the arithmetic, the memory traffic and the operations of a step, and what follows from them.

Each operation of a step takes the longest of three times: its arithmetic at the device's rate, what it reads and
writes at the memory's bandwidth, and the time to start any operation (a roofline, Williams et al. 2009, with starts).
Their sum is compared with the measured time here, and worked out for an RTX A6000 from its data sheet.

Needs tokens: UNMASK_WORK=/path/to/work. The clip is the longest training clip: video, sound and text where there are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.given_work import MISSING, open_given_work
from benchmarks.operations import Operation, counted
from benchmarks.timing import in_turn
from benchmarks.training import Drawn
from unmask.train.auto_size import SIZES, SizeName, resolve_auto
from unmask.train.data.sampler import Portion
from unmask.train.data.token_data import TokenData
from unmask.train.fit import _train_epoch
from unmask.train.monitor.live_table import Board
from unmask.train.optim.distributed import World
from unmask.train.optim.optimizer import AUTOCAST
from unmask.train.presets import make_preset
from unmask.train.run_setup import Setup, prepare

CLIPS, EPOCHS = 100_000, 30
COUNTED = (8, 16)
"""Batches that are counted; operations grow in a straight line with the batch, so these tell all others."""
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Device:
    name: str
    flops: float
    """A second, of matrix products."""
    bandwidth: float
    """Bytes a second."""
    start_s: float
    """Seconds that any operation takes."""

    def seconds(self, done: list[Operation]) -> float:
        return sum(max(one.flops / self.flops, one.bytes / self.bandwidth, self.start_s) for one in done)


# NVIDIA's data sheet: 154.8 TFLOP/s in bf16 without sparsity, 768 GB/s. Large products reach about seven tenths of
# the former and large copies nine tenths of the latter; a start is what PyTorch takes on a desktop processor.
A6000 = Device("RTX A6000", 0.7 * 154.8e12, 0.9 * 768e9, 8e-6)


def main() -> str:
    given = open_given_work()
    if given is None:
        return MISSING
    _, _, data = given
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    here = measured_device(device)
    lines = [
        f"{here.name}: {here.flops / 1e12:.2f} TFLOP/s, {here.bandwidth / 1e9:.0f} GB/s, {here.start_s * 1e6:.0f} us"
    ]
    return "\n".join([*lines, *(line for size in SIZES for line in of_size(data, size, device, here))])


def of_size(data: TokenData, size: SizeName, device: torch.device, here: Device) -> list[str]:
    batch = SIZES[size].max_batch
    with tempfile.TemporaryDirectory() as folder:
        native, half = (_setup(data, size, precision, device, Path(folder)) for precision in ("auto", "bf16"))
        clips = batch if device.type == "cuda" else batch // 4
        taken = _measured(native, clips, device)
        worked_out = here.seconds(operations(native, clips))
        ours, theirs = operations(native, batch), operations(half, batch)
    flops = sum(one.flops for one in ours) / batch
    forward = flops / 3  # a product's backward pass is two products
    a6000 = A6000.seconds(theirs)
    hours = CLIPS * EPOCHS / batch * a6000 / 3600
    return [
        f"{size}: {sum(p.numel() for p in native.model.parameters()) / 1e6:.1f} M parameters, a clip of "
        f"{native.slots} slots: {flops / 1e9:.2f} GFLOP a training step ({forward / 1e9:.2f} forwards), "
        f"{sum(one.bytes for one in ours) / batch / MIB:.1f} MiB moved; {len(ours)} operations a step",
        f"    here, {native.setup.config.precision}, batches of {clips}: {clips / taken:,.0f} clips/s, "
        f"{flops * clips / taken / here.flops:.2f} of the rate of large products; "
        f"worked out {worked_out * 1e3:.1f} ms a step, measured {taken * 1e3:.1f} ms",
        f"    {A6000.name}, bf16, batches of {batch}: {a6000 * 1e3:.1f} ms a step, {batch / a6000:,.0f} clips/s, "
        f"{flops * batch / a6000 / 154.8e12:.2f} of peak; {EPOCHS} epochs of {CLIPS:,} clips in {hours:.2f} h",
    ]


@dataclass(frozen=True, slots=True)
class Prepared:
    setup: Setup
    longest: int
    """Row of the clip table."""
    slots: int

    @property
    def model(self) -> torch.nn.Module:
        return self.setup.model


def _setup(data: TokenData, size: SizeName, precision: str, device: torch.device, folder: Path) -> Prepared:
    config = make_preset("full").changed({"size": size, "precision": precision, "modality_dropout": 0.0})
    setup = prepare(data, config, folder / f"{size}-{precision}", World(device), resume=False)
    clips = setup.sampler.clips
    lengths = data.lengths(setup.model.shape.streams)[clips].sum(axis=1)
    return Prepared(setup, int(clips[lengths.argmax()]), int(lengths.max()) + 1)


def operations(prepared: Prepared, batch: int) -> list[Operation]:
    """Of a step of `batch` clips, from those of COUNTED."""
    _step(prepared, COUNTED[0])()  # the first one makes the optimizer's state as well
    few, more = (counted(_step(prepared, clips)) for clips in COUNTED)
    assert [one.name for one in few] == [one.name for one in more], "a step of other operations"
    by = (batch - COUNTED[1]) / (COUNTED[1] - COUNTED[0])
    return [
        Operation(b.name, b.flops + (b.flops - a.flops) * by, b.bytes + (b.bytes - a.bytes) * by)
        for a, b in zip(few, more, strict=True)
    ]


def _step(prepared: Prepared, clips: int) -> Callable[[], None]:
    """A whole optimizer step through the training loop, on one batch of the longest clip."""
    drawn = Drawn(prepared.setup.sampler, [[Portion(np.full(clips, prepared.longest), {})]])
    setup = replace(prepared.setup, sampler=drawn, steps=1)  # type: ignore[arg-type]
    return lambda: void(_train_epoch(setup, 1, Board("bench", 1, 1, 0)))


def void(_: object) -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _measured(prepared: Prepared, clips: int, device: torch.device) -> float:
    """Seconds of a step."""
    return in_turn({"step": _step(prepared, clips)}, 10)["step"]


def measured_device(device: torch.device) -> Device:
    """Its rates for large products in the precision of training, for large copies, and for the smallest operation."""
    config = resolve_auto(make_preset("full"), device, 1)
    dtype = AUTOCAST[config.precision]
    side = 8192 if device.type == "cuda" else 2048
    square = torch.randn(side, side, device=device, dtype=dtype)
    large, small = torch.zeros(256 * MIB, dtype=torch.uint8, device=device), torch.zeros(8, device=device)
    ways: dict[str, Callable[[], None]] = {
        "product": lambda: void(square @ square),
        "copy": lambda: void(large.clone()),
        "starts": lambda: void([small.add_(1) for _ in range(1000)]),
    }
    taken = in_turn(ways, 9)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return Device(name, 2 * side**3 / taken["product"], 2 * 256 * MIB / taken["copy"], taken["starts"] / 1000)
