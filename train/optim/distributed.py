"""Data-parallel training by several processes started with `torchrun`, on one machine or several.

Every process (rank) takes its share of the batches of each optimizer step. Clip counts and gradients are summed over
the ranks, so all take the same step that one process would take. Rank 0 validates and writes.
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

# The other ranks wait while rank 0 validates, which may take longer than NCCL's default of ten minutes.
PATIENCE = timedelta(hours=2)

Share = TypeVar("Share")


@dataclass(frozen=True, slots=True)
class World:
    """The processes that train together; one alone by default."""

    device: torch.device
    """This process's own."""
    rank: int = 0
    size: int = 1
    joined: bool = False
    """Whether it was this call of `join_world` that joined the process group, which `leave` then ends."""

    @property
    def first(self) -> bool:
        """True for the process that validates and writes."""
        return self.rank == 0

    def share(self, parts: Sequence[Share]) -> Sequence[Share]:
        """This rank's share of the batches of a step; may be empty in the last step of an epoch."""
        return parts[self.rank :: self.size]

    def broadcast_first(self, number: int) -> int:
        """Rank 0's `number`, on every rank."""
        if self.size == 1:
            return number
        said = torch.tensor([number], device=self.device)
        dist.broadcast(said, src=0)
        return int(said)

    def sum_ranks(self, numbers: torch.Tensor) -> torch.Tensor:
        if self.size > 1:
            dist.all_reduce(numbers)
        return numbers

    def wait(self) -> None:
        """Wait for all ranks: a process that exits early can crash another that still communicates with it."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        if self.joined:
            dist.destroy_process_group()

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum gradients over ranks; a parameter that no rank used keeps grad = None, as in one process."""
        if self.size == 1:
            return
        given = list(parameters)
        used = torch.tensor([float(p.grad is not None) for p in given], device=self.device)
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in given]
        flat = self.sum_ranks(torch.cat([used, *(part.reshape(-1) for part in parts)]))
        counts, *sums = flat.split([len(given), *(p.numel() for p in given)])
        # Only a rank that lacks a gradient reads the counts: reading waits for the GPU.
        anywhere = counts.tolist() if any(p.grad is None for p in given) else [1.0] * len(given)
        for parameter, total, ranks in zip(given, sums, anywhere, strict=True):
            parameter.grad = total.view_as(parameter) if ranks else None


def join_world(device: torch.device) -> World:
    """Join the process group that `torchrun` describes in the environment; without one, this process alone."""
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if size == 1:
        return World(device)
    if not {"RANK", "MASTER_ADDR", "MASTER_PORT"} <= set(os.environ):
        raise UsageError(
            f"WORLD_SIZE={size}, but RANK, MASTER_ADDR or MASTER_PORT is not set",
            "start with torchrun, or unset WORLD_SIZE",
        )
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if joined := not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    if rank:
        log.setLevel(logging.ERROR)  # only rank 0 logs
    return World(device, rank, size, joined)
