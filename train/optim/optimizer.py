"""AdamW without decay where it harms, the learning-rate curve, and the precision of a step."""

from __future__ import annotations

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


def clip(model: Detector, norm: float) -> None:
    """Apart: a discriminator that struggles must not shorten the detector's step, nor the other way round."""
    nn.utils.clip_grad_norm_(model.detector(), norm)
    nn.utils.clip_grad_norm_(model.adversary(), norm)


def autocast(config: TrainConfig, device: torch.device) -> torch.autocast:
    dtype = AUTOCAST[config.precision]
    # float32 is no autocast type; any other will do while it is switched off.
    enabled = dtype != torch.float32
    return torch.autocast(device.type, dtype if enabled else torch.bfloat16, enabled=enabled)
