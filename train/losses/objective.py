"""What a training minimizes: the weighted sum of its loss terms over one optimizer step, which may be several batches.

Each term is a sum over clips divided by the number of clips *of the whole step* that it concerns, so accumulating k
small batches gives the gradient of one large batch, whichever labels are missing in which batch.

T terms
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.core.errors import UsageError
from unmask.core.extensions import load_extension
from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch
from unmask.train.losses.classification import FAKE
from unmask.train.losses.contrastive import INFONCE, SUPCON
from unmask.train.losses.domain import CORAL, DOMAIN, PENALTY
from unmask.train.losses.fits import FITS
from unmask.train.losses.parts import AUDIO, JOINT, VIDEO
from unmask.train.losses.term import LossTerm
from unmask.train.losses.uniformity import ALIGNMENT, UNIFORMITY
from unmask.train.models.detector import Detector, Outputs

LOSS_TERMS: list[LossTerm] = [
    FAKE,
    VIDEO,
    AUDIO,
    JOINT,
    DOMAIN,
    PENALTY,
    CORAL,
    FITS,
    INFONCE,
    SUPCON,
    UNIFORMITY,
    ALIGNMENT,
]
"""Every built-in term. Adding one here adds it to the loss, metrics.jsonl and TensorBoard; docs/add-a-loss.md."""


@dataclass(frozen=True, slots=True)
class Losses:
    terms: Mapping[str, torch.Tensor]
    """Value of every term, without its weight; scalars."""
    total: torch.Tensor
    """What is minimized."""

    def detach(self) -> torch.Tensor:
        """(T + 1,) float32, in the order of Objective.names."""
        return torch.stack([value.detach().float() for value in (*self.terms.values(), self.total)])


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss terms of one training."""

    terms: tuple[LossTerm, ...]
    config: TrainConfig

    def __post_init__(self) -> None:
        names = [term.name for term in self.terms]
        reserved = {"total", "lr", "reversal"}
        if twice := sorted({name for name in names if names.count(name) > 1 or name in reserved}):
            raise UsageError(f"the name of loss term {', '.join(twice)} is taken", "give LossTerm another name")

    @classmethod
    def of(cls, config: TrainConfig) -> Objective:
        """LOSS_TERMS and the terms of `train.extra_losses`."""
        return cls((*LOSS_TERMS, *load_terms(config)), config)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the logged losses."""
        return (*(term.name for term in self.terms), "total")

    def count(self, batches: Sequence[Batch], model: Detector) -> NDArray[np.float32]:
        """(T,) clips that each term concerns, from what the host knows: no step waits for the device."""
        counts_T = np.zeros(len(self.terms), np.float32)
        for batch in batches:
            counts_T += np.array([self._count(term, batch, model) for term in self.terms], np.float32)
        return counts_T

    def _count(self, term: LossTerm, batch: Batch, model: Detector) -> float:
        return term.count(batch, model) if term.is_active(self.config) else 0.0

    def compute(self, outputs: Outputs, batch: Batch, counts_T: torch.Tensor, model: Detector) -> Losses:
        """Losses of one batch of the step whose `count`, summed over processes, is `counts_T` on the device."""
        denominators = counts_T.clamp(min=1).unbind()
        zero = torch.zeros((), device=batch.label.device)
        values = {term.name: zero for term in self.terms}
        for term, denominator in zip(self.terms, denominators, strict=True):
            if term.is_active(self.config):
                values[term.name] = term.value(outputs, batch, model, self.config) / denominator
        return Losses(values, self._sum(values))

    def _sum(self, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Weighted sum. Neighbors with the same weight are added before they are weighted."""
        active = [term for term in self.terms if term.is_active(self.config)]
        groups = [list(group) for _, group in itertools.groupby(active, key=lambda term: term.weight)]
        sums = [reduce(torch.add, [values[term.name] for term in group]) for group in groups]
        return reduce(
            torch.add, [one[0].weight_in(self.config) * value for one, value in zip(groups, sums, strict=True)]
        )


def load_terms(config: TrainConfig) -> tuple[LossTerm, ...]:
    """The terms that `train.extra_losses` names, with the weights given there."""
    terms = []
    for name, weight in config.extra_losses.items():
        term = load_extension(name, "loss")
        if not isinstance(term, LossTerm):
            raise UsageError(
                f"loss {name}: not a LossTerm", f"{name.partition(':')[2]} = LossTerm(name=..., value=...)"
            )
        terms.append(replace(term, weight=weight))
    return tuple(terms)
