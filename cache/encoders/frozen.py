"""Frozen networks: evaluation mode, no gradients, on one device; and reproducible random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

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
