"""Losses over one optimiser step, which may be several batches.

Each is a sum over clips divided by the count of clips *of the whole step* that it concerns, so that accumulating k
small batches gives the gradient of one large one, whatever labels are missing in which.

B clips, W width, G datasets
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F

from train.batch import Batch
from train.config import TrainConfig
from train.model import Detector, Outputs


@dataclass(frozen=True, slots=True)
class Totals:
    """Clips of the step that each loss concerns, at least 1; scalars on the device, so that no step waits for them."""

    fake: torch.Tensor
    video: torch.Tensor
    audio: torch.Tensor
    domain: torch.Tensor

    @classmethod
    def of(cls, batches: Sequence[Batch], model: Detector) -> Totals:
        def total(parts: list[torch.Tensor]) -> torch.Tensor:
            return torch.stack([part.sum() for part in parts]).sum().clamp(min=1).float()

        return cls(
            fake=total([torch.ones_like(batch.label) for batch in batches]),
            video=total([batch.video_known for batch in batches]),
            audio=total([batch.audio_known for batch in batches]),
            domain=total([model.discriminators.contested(batch.pattern) for batch in batches]),
        )


@dataclass(frozen=True, slots=True)
class Losses:
    fake: torch.Tensor
    video: torch.Tensor
    audio: torch.Tensor
    domain: torch.Tensor
    coral: torch.Tensor
    total: torch.Tensor
    """What is minimised."""

    def detached(self) -> torch.Tensor:
        """In the order of LOSSES."""
        return torch.stack([getattr(self, name).detach().float() for name in LOSSES])


LOSSES = tuple(field.name for field in fields(Losses))


def losses(outputs: Outputs, batch: Batch, totals: Totals, model: Detector, config: TrainConfig) -> Losses:
    smooth = config.label_smoothing
    everything = torch.ones_like(batch.label)
    fake = binary(outputs.fake, batch.label, everything, totals.fake, smooth)
    video = binary(outputs.video, batch.video, batch.video_known, totals.video, smooth)
    audio = binary(outputs.audio, batch.audio, batch.audio_known, totals.audio, smooth)
    domain = domain_loss(outputs.domain, batch.domain, model.discriminators.contested(batch.pattern), totals.domain)
    aligned = torch.zeros_like(fake)
    if config.domain_loss == "coral":
        aligned = coral(outputs.features, batch.domain, batch.pattern) * len(batch) / totals.fake
    total = fake + config.part_weight * (video + audio) + domain + config.coral_weight * aligned
    return Losses(fake, video, audio, domain, aligned, total)


def binary(
    logit_B: torch.Tensor, target_B: torch.Tensor, known_B: torch.Tensor, total: torch.Tensor, smooth: float = 0.0
) -> torch.Tensor:
    """Cross-entropy over the clips with known_B = 1, divided by `total`; targets are smooth / 2 and 1 - smooth / 2."""
    softened_B = target_B * (1 - smooth) + smooth / 2
    loss_B = F.binary_cross_entropy_with_logits(logit_B, softened_B, reduction="none")
    return (loss_B * known_B).sum() / total


def domain_loss(
    logits_BG: torch.Tensor, domain_B: torch.Tensor, contested_B: torch.Tensor, total: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of the discriminators over the clips whose pattern several datasets share, divided by `total`."""
    # A clip with nothing to guess may have logits of -inf alone; zeros keep NaN out of the gradient too.
    safe_BG = torch.where(contested_B[:, None], logits_BG, 0.0)
    loss_B = F.cross_entropy(safe_BG, domain_B, reduction="none")
    return torch.where(contested_B, loss_B, 0.0).sum() / total


def coral(z_BW: torch.Tensor, domain_B: torch.Tensor, pattern_B: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of means and of covariances over all pairs of datasets that share a modality pattern.

    Sun and Saenko 2016 (Deep CORAL), with the means as in DomainBed. 0 where no pair has two clips each.
    """
    z_BW = z_BW.float()
    cells = torch.stack([pattern_B, domain_B], dim=1)
    found, cell_B, counts = cells.unique(dim=0, return_inverse=True, return_counts=True)
    large = [number for number, count in enumerate(counts.tolist()) if count > 1]
    moments = {number: _moments(z_BW[cell_B == number]) for number in large}
    pairs = [(a, b) for a, b in itertools.combinations(large, 2) if found[a, 0] == found[b, 0]]
    gaps = [F.mse_loss(ours, theirs) for a, b in pairs for ours, theirs in zip(moments[a], moments[b], strict=True)]
    return torch.stack(gaps).sum() / len(pairs) if pairs else z_BW.new_zeros(())


def _moments(z_NW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return z_NW.mean(dim=0), z_NW.T.cov()
