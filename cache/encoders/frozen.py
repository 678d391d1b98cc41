"""Frozen networks: evaluation mode, no gradients, on one device; and reproducible random weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def freeze(network: Network, device: torch.device) -> Network:
    """Put `network` into evaluation mode on `device`, without gradients."""
    network.eval().requires_grad_(False).to(device)  # modules change in place
    return network


def build_seeded(seed: int, make: Callable[[], Network]) -> Network:
    """Build a network with the initial weights of `seed`. The global random state does not change."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def load_from_folder(kind: Any, folder: Path, **options: Any) -> Any:
    """Load a transformers model of class `kind` from local files, safetensors preferred.

    No code of the folder is run.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()  # one bar per stage is enough
    load = partial(
        kind.from_pretrained,
        str(folder),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=(folder / "model.safetensors").is_file(),
        # transformers would use the precision of the checkpoint; tokens must not depend on how it was saved.
        dtype=torch.float32,
        **options,
    )
    return build_seeded(0, load)  # tensors missing in the checkpoint are drawn with a fixed seed
