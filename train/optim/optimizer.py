"""AdamW without decay where it harms, the learning-rate curve, and the precision of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import nn

from unmask.train.config import TrainConfig
from unmask.train.models.detector import Detector

AUTOCAST = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def make_optimizer(model: Detector, config: TrainConfig) -> torch.optim.AdamW:
    """No weight decay on biases, norms and embeddings: pulling those to zero only loses information."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (plain if parameter.ndim < 2 or "bias" in name else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.lr, fused=True)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr


@dataclass(frozen=True, slots=True)
class Weights:
    """The parameters of a training, listed once: walking through the modules takes a millisecond, in every step."""

    model: list[nn.Parameter]
    detector: list[nn.Parameter]
    adversary: list[nn.Parameter]
    feeding: list[nn.Parameter]
    """As the methods of Detector."""
    average: list[nn.Parameter]
    """Of the averaged model, in the order of `model`; those of `model` itself without averaging."""

    @classmethod
    def of(cls, model: Detector, averaged: Detector) -> Self:
        return cls(
            list(model.parameters()),
            model.detector(),
            model.adversary(),
            model.feeding(),
            list(averaged.parameters()),
        )


def fill_gradients(weights: Weights) -> None:
    """A gradient of 0 for encoders without a token in the step: AdamW passes over a parameter without any."""
    for parameter in weights.feeding:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)


def clip(weights: Weights, norm: float) -> None:
    """Apart: a discriminator that struggles must not shorten the detector's step, nor the other way round."""
    nn.utils.clip_grad_norm_(weights.detector, norm)
    nn.utils.clip_grad_norm_(weights.adversary, norm)


def autocast(config: TrainConfig, device: torch.device) -> torch.autocast:
    dtype = AUTOCAST[config.precision]
    # float32 is no autocast type; any other will do while it is switched off.
    enabled = dtype != torch.float32
    return torch.autocast(device.type, dtype if enabled else torch.bfloat16, enabled=enabled)


def seed_dropout(seed: int, device: torch.device) -> None:
    """As torch.manual_seed, for this device alone: asking for every other one takes longer than drawing the masks."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
