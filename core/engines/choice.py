"""The engine that a command was asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unmask.core.buckets.mirrored import find_mirror
from unmask.core.engines.cluster import Cluster
from unmask.core.errors import UsageError
from unmask.core.machine import choose_device
from unmask.core.work_folder import WorkFolder

if TYPE_CHECKING:
    import torch

log = logging.getLogger("unmask")

ENGINES = ("local", "ray")


@contextmanager
def open_engine(
    name: str, address: str | None, work: WorkFolder, *, cpus: int | None = None, device: str = "auto"
) -> Iterator[tuple[Cluster | None, WorkFolder]]:
    """The cluster that does the parts of a stage (None: this process does them), and the work folder as it sees it.

    `address` of a Ray cluster; None starts one on this machine, with so many `cpus` (None: all), and without GPUs where
    `device` is "cpu". `UsageError` for an unknown engine and for a work folder in a bucket.
    """
    if name not in ENGINES:
        raise UsageError(f"--engine {name}: no such engine", " or ".join(ENGINES))
    if name == "local":
        if address is not None:
            raise UsageError(f"--address {address} without --engine ray", "--engine ray --address HOST:PORT")
        yield None, work
        return
    if find_mirror(work.root):
        hint = "give each machine its part with --shard i/n (docs/buckets.md), or a --work on a disk that they share"
        raise UsageError("--engine ray: the work folder is in a bucket", hint)
    from unmask.core.engines.ray_session import open_ray

    with open_ray(work, address, cpus=cpus, gpus=0 if device == "cpu" else None) as cluster:
        log.info("ray: %d machines, %d CPUs, %d GPUs", cluster.machines, cluster.cpus, cluster.gpus)
        yield cluster, WorkFolder(work.root.absolute())


def choose_worker_device(cluster: Cluster | None, name: str) -> torch.device:
    """The device that networks run on: of the cluster's workers, a GPU if it has any; without a cluster, of this
    machine. `UsageError` if it is missing.
    """
    import torch

    if cluster is None:
        return choose_device(name)
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {name} with --engine ray: Ray gives each worker its GPU", "auto, cpu or cuda")
    if name == "cuda" and not cluster.gpus:
        raise UsageError("--device cuda: the Ray cluster has no GPU", "--device cpu, or ray start --num-gpus 1")
    return torch.device("cuda" if cluster.gpus and name != "cpu" else "cpu")
