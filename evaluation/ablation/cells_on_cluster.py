"""The runs of an ablation as tasks of a cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from unmask.core.engines.cluster import Cluster, Need
from unmask.core.processes.stop_signals import name_stop
from unmask.core.progress import Progress
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Split
from unmask.train.config import TrainConfig

log = logging.getLogger("unmask")


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationCell:
    """One run to train and evaluate."""

    work: WorkFolder
    config: TrainConfig
    device: str
    split: Split
    threads: int
    """Of a CPU: as many as the command takes without a cluster, since their number changes last digits."""


def train_on_cluster(
    cluster: Cluster,
    train: Callable[[AblationCell], None],
    work: WorkFolder,
    configs: Mapping[str, Sequence[TrainConfig]],
    device: torch.device,
    split: Split,
) -> bool:
    """Train and evaluate every run; did the user stop it?

    One run per GPU, or per machine where they have none, with the threads that it takes alone.
    """
    on_gpu = device.type == "cuda"
    cpus = 1 if on_gpu else cluster.machine_cpus
    threads = torch.get_num_threads()
    cells = [
        AblationCell(work=work, config=config, device=str(device), split=split, threads=threads)
        for chosen in configs.values()
        for config in chosen
    ]
    need = Need(cpus=cpus, gpus=int(on_gpu))
    try:
        with Progress("ablate", len(cells), "runs") as bar:
            for _ in cluster.run_tasks(train, cells, need=need):
                bar.advance()
    except KeyboardInterrupt:
        log.warning("stopped by %s; run the same command to resume", name_stop())
        return True
    return False
