"""Frozen networks: evaluation mode, no gradients, on one device; and small random ones that are the same every time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def frozen(network: Network, device: torch.device) -> Network:
    """`network` in evaluation mode on `device`, without gradients."""
    network.eval().requires_grad_(False).to(device)  # modules change in place
    return network


def seeded(seed: int, make: Callable[[], Network]) -> Network:
    """A network with the initial weights of `seed`; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def from_folder(kind: Any, folder: Path, **options: Any) -> Any:
    """A transformers model of class `kind` from local files. No code of the folder is run; safetensors come first."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # one bar a stage is enough
    load = partial(
        kind.from_pretrained,
        str(folder),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=(folder / "model.safetensors").is_file(),
        # The checkpoint's own precision is transformers' default; tokens must not depend on how it was saved.
        dtype=torch.float32,
        **options,
    )
    return seeded(0, load)  # what a checkpoint leaves out is drawn at random: the same each time
