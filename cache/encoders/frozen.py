"""Frozen networks: evaluation mode, no gradients, on one device; reproducible random weights, and shuffled ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from unmask.cache.weights.tensor_files import is_reading_headers_only
from unmask.core.errors import UsageError
from unmask.core.hashing import fingerprint

if TYPE_CHECKING:
    from unmask.cache.spec import Encoder

Network = TypeVar("Network", bound=nn.Module)

SHUFFLE_SEED = 0
# Images that batch norm is settled on: enough for means over positions, few enough for a CPU.
IMAGES, BLOBS = 16, 7


def freeze(network: Network, device: torch.device) -> Network:
    """Put `network` into evaluation mode on `device`, without gradients."""
    network.eval().requires_grad_(False).to(device)  # modules change in place
    return network


def build_seeded(seed: int, make: Callable[[], Network]) -> Network:
    """Build a network with the initial weights of `seed`. The global random state does not change."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def randomize(encoder: Encoder, seed: int = SHUFFLE_SEED) -> Encoder:
    """`encoder` with the numbers of each of its weight tensors in the random order of `seed`.

    Architecture, input, layer and pooling stay, what training arranged is gone. Shuffled rather than drawn anew: the
    initial weights of a published network are not made to be used. Zero-initialized residual branches (ResNet) and
    layer scales of 1e-5 (DINOv2) would pass the input through, and shuffled tensors keep the scale that the next layer
    expects. `UsageError` for an encoder that is not one of ours with a network.
    """
    made: Any = encoder
    load = getattr(made, "_load", None)
    if load is None:
        raise UsageError(
            f"encoder {encoder.spec.name}: it has no weights that could be shuffled", "name another encoder"
        )

    def load_shuffled() -> Any:
        loaded = load()
        if is_reading_headers_only():
            return loaded
        network = loaded[1] if isinstance(loaded, tuple) else loaded  # texts have a tokenizer too
        shuffle_weights(network, seed)
        _settle_norms(network, getattr(made, "_prepare", None), seed)
        return loaded

    made._load, made.checkpoint = load_shuffled, None
    encoder.spec = replace(
        encoder.spec,
        weights=f"{encoder.spec.weights}, shuffled with seed {seed}",
        weights_hash=fingerprint("shuffled-1", seed, encoder.spec.weights_hash),
    )
    return encoder


def shuffle_weights(network: nn.Module, seed: int) -> None:
    """Put the numbers of each learned tensor of `network` into a random order, in place.

    Parameters without gradients are part of the architecture, such as the sinusoidal positions of Whisper.
    """
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in network.parameters():
            if weights.requires_grad:
                order = torch.randperm(weights.numel(), generator=random)
                weights.copy_(weights.flatten()[order].view_as(weights))


def _settle_norms(network: nn.Module, prepare: Callable[[torch.Tensor], torch.Tensor] | None, seed: int) -> None:
    """Measure the statistics of batch norm again, on images of colored blobs: those of training fit other weights."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    if not norms or prepare is None:
        return
    random = torch.Generator().manual_seed(seed)
    blobs = F.interpolate(torch.rand(IMAGES, 3, BLOBS, BLOBS, generator=random), size=(224, 224), mode="bicubic")
    images = (blobs.clamp(0, 1) * 255).to(torch.uint8).permute(0, 2, 3, 1)
    device = next(network.parameters()).device
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches: there is one
        norm.train()
    with torch.no_grad():
        network(prepare(images).to(device))
    network.eval()
