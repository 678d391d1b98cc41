"""One training by several processes, started by `torchrun`: on the GPUs of one machine or of many.

Every process (rank) takes its share of each optimizer step's batches. What the step divides by and the gradients are
summed over the ranks, so that all take the step that one process would have taken. Rank 0 validates and writes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

from unmask.core.errors import UsageError

log = logging.getLogger("unmask")

# The others wait while rank 0 validates, and that may take longer than the ten minutes NCCL allows.
PATIENCE = timedelta(hours=2)

Share = TypeVar("Share")


@dataclass(frozen=True, slots=True)
class World:
    """The processes that train together; one alone by default."""

    device: torch.device
    """This process's own."""
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Is it this process that validates and writes."""
        return self.rank == 0

    def share(self, parts: Sequence[Share]) -> Sequence[Share]:
        """This rank's of a step's parts; may be none of them in the last step of an epoch."""
        return parts[self.rank :: self.size]

    def agreed(self, number: int) -> int:
        """What rank 0 says."""
        if self.size == 1:
            return number
        said = torch.tensor([number], device=self.device)
        dist.broadcast(said, src=0)
        return int(said)

    def summed(self, numbers: torch.Tensor) -> torch.Tensor:
        if self.size > 1:
            dist.all_reduce(numbers)
        return numbers

    def wait(self) -> None:
        """Until all have come so far: a process that ends while another still talks to it can take that one down."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        if self.size > 1:
            dist.destroy_process_group()

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Of all ranks; a parameter that none of them used stays without a gradient, as it would in one process."""
        if self.size == 1:
            return
        given = list(parameters)
        used = torch.tensor([float(p.grad is not None) for p in given], device=self.device)
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in given]
        flat = self.summed(torch.cat([used, *(part.reshape(-1) for part in parts)]))
        counts, *sums = flat.split([len(given), *(p.numel() for p in given)])
        # Asked only by a rank that misses one: reading the counts would wait for the GPU.
        anywhere = counts.tolist() if any(p.grad is None for p in given) else [1.0] * len(given)
        for parameter, total, ranks in zip(given, sums, anywhere, strict=True):
            parameter.grad = total.view_as(parameter) if ranks else None


def joined(device: torch.device) -> World:
    """The world that `torchrun` describes in the environment, to be left at the end; without one, this process."""
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if size == 1:
        return World(device)
    if not {"RANK", "MASTER_ADDR", "MASTER_PORT"} <= set(os.environ):
        raise UsageError(f"WORLD_SIZE={size}, but nothing says where the others are", "start by torchrun, or unset it")
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    if rank:
        log.setLevel(logging.ERROR)  # one voice
    return World(device, rank, size)
