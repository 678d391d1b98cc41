"""What an epoch is judged by: item-level metrics of the validation split, pooled, per dataset and as their mean."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from train.calibration import cross_entropy, fit_temperature, fit_threshold
from train.data import TokenData
from train.metrics import by_domain, macro, measure
from train.model import Detector
from train.score import ItemScores, by_item, probability, score_clips

log = logging.getLogger("unmask")

Criterion = Literal["macro_auc", "auc", "loss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    items: int
    loss: float
    """Mean cross-entropy of the items, in nats."""
    pooled: dict[str, float]
    """metrics.NAMES over all items, with 0.5 as the threshold."""
    macro: dict[str, float]
    """Mean over the datasets that define the metric."""
    domains: dict[str, dict[str, float]]
    domain_accuracy: float
    """Of the discriminators, where several datasets share a clip's modalities; every such dataset weighs the same."""
    domain_chance: float
    """The same for a guess that knows nothing but the modalities. Near it, the features hide the dataset."""
    temperature: float
    threshold: float
    """Fitted on these items, for calibrated probabilities."""

    def rank(self, criterion: Criterion) -> tuple[float, float]:
        """Higher is better; equal AUCs are told apart by the loss."""
        value = {"macro_auc": self.macro["auc"], "auc": self.pooled["auc"], "loss": -self.loss}[criterion]
        return (value, -self.loss)

    def as_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = without_nan({name: getattr(self, name) for name in self.__slots__})
        return plain


def validate(model: Detector, data: TokenData, clips: NDArray[np.int64], *, device: torch.device) -> Validation:
    scores = score_clips(model, data, clips, device=device)
    items = by_item(scores, data)
    is_fake = data.clips.label[items.first] == 1
    chance = probability(items.fake)
    domains = by_domain(is_fake, chance, data.clips.domain[items.first], data.clips.datasets)
    temperature, threshold = calibrated(is_fake, items)
    found, guessed = domain_accuracy(scores.domain, scores.pattern, data.clips.domain[clips])
    return Validation(
        items=len(is_fake),
        loss=cross_entropy(is_fake, items.fake),
        pooled=measure(is_fake, chance),
        macro=macro(domains.values()),
        domains=domains,
        domain_accuracy=found,
        domain_chance=guessed,
        temperature=temperature,
        threshold=threshold,
    )


def calibrated(is_fake: NDArray[np.bool_], items: ItemScores) -> tuple[float, float]:
    temperature = fit_temperature(is_fake, items.fake)
    return temperature, fit_threshold(is_fake, probability(items.fake, temperature))


def domain_accuracy(
    logits: NDArray[np.float32], pattern: NDArray[np.int64], domain: NDArray[np.int64]
) -> tuple[float, float]:
    """Share of clips whose dataset is guessed from (N, G) logits, and chance: means over (pattern, dataset) cells.

    Only patterns that clips of several datasets show. Chance is a guesser that always names one dataset of the pattern.
    """
    right = logits.argmax(axis=1) == domain
    cells = np.unique(np.stack([pattern, domain], axis=1), axis=0)
    patterns, datasets = np.unique(cells[:, 0], return_counts=True)
    rivals = {shown: count for shown, count in zip(patterns.tolist(), datasets.tolist(), strict=True) if count > 1}
    if not rivals:
        return math.nan, math.nan
    contested = [(shown, own) for shown, own in cells.tolist() if shown in rivals]
    found = [right[(pattern == shown) & (domain == own)].mean() for shown, own in contested]
    return float(np.mean(found)), float(np.mean([1.0 / rivals[shown] for shown, _ in contested]))


def choose_criterion(data: TokenData, clips: NDArray[np.int64]) -> Criterion:
    """Macro AUC over datasets where one of them has both classes in validation; else pooled AUC; else the loss."""
    label, domain = data.clips.label[clips], data.clips.domain[clips]
    both = [name for number, name in enumerate(data.clips.datasets) if len(np.unique(label[domain == number])) == 2]
    single = [data.clips.datasets[number] for number in np.unique(domain).tolist()]
    single = [name for name in single if name not in both]
    if single:
        log.warning("validation: only one class of %s, so no AUC there", ", ".join(single))
    if both:
        return "macro_auc"
    if len(np.unique(label)) == 2:
        log.warning("validation: no dataset has both classes, so the best epoch is chosen by the pooled AUC")
        return "auc"
    log.warning("validation: one class only, so the best epoch is chosen by the loss")
    return "loss"


def without_nan(value: Any) -> Any:
    """For JSON, which has no NaN: None instead, at any depth."""
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
