"""Validation of an epoch: item-level metrics, pooled, per dataset and averaged over datasets."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.core.errors import UsageError
from unmask.metrics.binary import average_domains, measure, measure_by_domain
from unmask.metrics.calibration import cross_entropy, fit_temperature, fit_threshold, measure_loss_error
from unmask.train.data.clip_table import UNKNOWN
from unmask.train.data.token_data import TokenData
from unmask.train.models.detector import Detector
from unmask.train.scoring import ClipScores, ItemScores, average_by_item, compute_probability, score_clips
from unmask.train.term_calibration import TermCalibration, calibrate_terms, fit_terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    items: int
    loss: float
    """Mean cross-entropy of the items, in nats."""
    calibrated_loss: float
    """The same after `temperature`: a loss that does not grow when a model becomes too certain."""
    calibrated_error: float
    """Its standard error: the deviation of the items' losses over the square root of their number."""
    pooled: dict[str, float]
    """metrics.NAMES over all items, with 0.5 as the threshold."""
    macro: dict[str, float]
    """Mean over the datasets that define the metric."""
    domains: dict[str, dict[str, float]]
    domain_accuracy: float
    """Accuracy of the discriminators over modality masks shared by several datasets, averaged over datasets."""
    domain_chance: float
    """Chance level given the modality mask. Close to it, the features do not reveal the dataset."""
    domain_uniform: float
    """Chance level without the modality mask: 1 / datasets."""
    temperature: float
    threshold: float
    """Fitted on these items, to calibrate probabilities."""
    video_temperature: float
    audio_temperature: float
    """The same of the scores of the image and of the audio, from the items whose manifest says which is fake."""
    terms: tuple[TermCalibration, ...] = ()
    """Of a part fusion: applied to its terms before anything else is measured here."""

    def as_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__slots__}
        plain: dict[str, Any] = replace_nan(values | {"terms": [asdict(term) for term in self.terms]})
        return plain


def validate(
    model: Detector, data: TokenData, clips: NDArray[np.int64], *, device: torch.device, calibrate: bool = True
) -> Validation:
    """Measures of `model` on `clips`. `calibrate`: the terms of a part fusion, on the same clips."""
    scores = score_clips(model, data, clips, device=device)
    terms = fit_terms(scores, model.terms, data.clips) if calibrate else ()
    return replace(validate_scores(calibrate_terms(scores, model.terms, data.clips, terms), data), terms=terms)


def validate_scores(scores: ClipScores, data: TokenData) -> Validation:
    """Metrics and calibration of the items of the scored clips."""
    items = average_by_item(scores, data)
    is_fake = data.clips.label[items.first] == 1
    chance = compute_probability(items.fake)
    if not np.isfinite(chance).all():
        raise UsageError("the scores are NaN or infinite", "use a smaller train.lr")
    domains = measure_by_domain(is_fake, chance, data.clips.domain[items.first], data.clips.datasets)
    pooled = measure(is_fake, chance)
    temperature, threshold = fit_calibration(is_fake, items)
    video_temperature = fit_part_temperature(data.clips.video_fake[items.first], items.video)
    audio_temperature = fit_part_temperature(data.clips.audio_fake[items.first], items.audio)
    found, guessed = measure_domain_accuracy(scores.domain, scores.pattern, data.clips.domain[scores.clips])
    return Validation(
        items=len(is_fake),
        loss=cross_entropy(is_fake, items.fake),
        calibrated_loss=cross_entropy(is_fake, items.fake / temperature),
        calibrated_error=measure_loss_error(is_fake, items.fake / temperature),
        pooled=pooled,
        macro=average_domains(domains.values()),
        domains=domains,
        domain_accuracy=found,
        domain_chance=guessed,
        domain_uniform=1 / len(domains) if domains else math.nan,
        temperature=temperature,
        threshold=threshold,
        video_temperature=video_temperature,
        audio_temperature=audio_temperature,
    )


def fit_calibration(is_fake: NDArray[np.bool_], items: ItemScores) -> tuple[float, float]:
    temperature = fit_temperature(is_fake, items.fake)
    return temperature, fit_threshold(is_fake, compute_probability(items.fake, temperature))


def fit_part_temperature(part_fake: NDArray[np.int8], logit: NDArray[np.float64]) -> float:
    """Temperature of the score of one modality: `part_fake` (M,) 1, 0 or UNKNOWN, `logit` (M,) NaN without it."""
    known = (part_fake != UNKNOWN) & np.isfinite(logit)
    return fit_temperature(part_fake[known] == 1, logit[known])


def measure_domain_accuracy(
    logits: NDArray[np.float32], pattern: NDArray[np.int64], domain: NDArray[np.int64]
) -> tuple[float, float]:
    """Share of clips whose dataset is guessed from (N, G) logits, and chance: means over (pattern, dataset) cells.

    Only patterns that clips of several datasets show, and of which the discriminators know several. Chance is a guesser
    that always names one dataset of the pattern.
    """
    guessable = np.isfinite(logits).sum(axis=1) > 1
    logits, pattern, domain = logits[guessable], pattern[guessable], domain[guessable]
    right = logits.argmax(axis=1) == domain
    cells = np.unique(np.stack([pattern, domain], axis=1), axis=0)
    patterns, datasets = np.unique(cells[:, 0], return_counts=True)
    rivals = {shown: count for shown, count in zip(patterns.tolist(), datasets.tolist(), strict=True) if count > 1}
    if not rivals:
        return math.nan, math.nan
    contested = [(shown, own) for shown, own in cells.tolist() if shown in rivals]
    found = [right[(pattern == shown) & (domain == own)].mean() for shown, own in contested]
    return float(np.mean(found)), float(np.mean([1.0 / rivals[shown] for shown, _ in contested]))


def replace_nan(value: Any) -> Any:
    """Replace NaN by None at any depth: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: replace_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
