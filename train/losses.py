"""Losses over one optimiser step, which may be several batches.

Each is a sum over clips divided by the count of clips *of the whole step* that it concerns, so that accumulating k
small batches gives the gradient of one large one, whatever labels are missing in which. CORAL and the contrastive
losses compare clips within a batch: they are weighted so too, but a clip is compared with no other batch's.

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
from train.contrast import Compared, info_nce, real_pairs, same_clip, sup_con, with_company
from train.model import Detector, Outputs


@dataclass(frozen=True, slots=True)
class Totals:
    """Clips of the step that each loss concerns, at least 1; scalars on the device, so that no step waits for them."""

    fake: torch.Tensor
    video: torch.Tensor
    audio: torch.Tensor
    domain: torch.Tensor
    infonce: torch.Tensor
    supcon: torch.Tensor

    @classmethod
    def of(cls, batches: Sequence[Batch], model: Detector) -> Totals:
        def total(parts: list[torch.Tensor]) -> torch.Tensor:
            return torch.stack([part.sum() for part in parts]).sum().clamp(min=1).float()

        return cls(
            fake=total([torch.ones_like(batch.label) for batch in batches]),
            video=total([batch.video_known for batch in batches]),
            audio=total([batch.audio_known for batch in batches]),
            domain=total([model.discriminators.contested(batch.pattern) for batch in batches]),
            infonce=total([real_pairs(batch) for batch in batches]),
            supcon=total([with_company(batch.label) for batch in batches]),
        )


@dataclass(frozen=True, slots=True)
class Losses:
    fake: torch.Tensor
    video: torch.Tensor
    audio: torch.Tensor
    domain: torch.Tensor
    penalty: torch.Tensor
    coral: torch.Tensor
    infonce: torch.Tensor
    supcon: torch.Tensor
    total: torch.Tensor
    """What is minimised."""

    def detached(self) -> torch.Tensor:
        """In the order of LOSSES."""
        return torch.stack([getattr(self, name).detach().float() for name in LOSSES])


LOSSES = tuple(field.name for field in fields(Losses))


def losses(outputs: Outputs, batch: Batch, totals: Totals, model: Detector, config: TrainConfig) -> Losses:
    smooth, gamma = config.label_smoothing, config.focal_gamma
    everything = torch.ones_like(batch.label)
    contested_B = model.discriminators.contested(batch.pattern)
    fake = binary(outputs.fake, batch.label, everything, totals.fake, smooth, gamma)
    video = binary(outputs.video, batch.video, batch.video_known, totals.video, smooth, gamma)
    audio = binary(outputs.audio, batch.audio, batch.audio_known, totals.audio, smooth, gamma)
    domain = domain_loss(outputs.domain, batch.domain, contested_B, totals.domain)
    penalty = aligned = torch.zeros_like(fake)
    if config.gradient_penalty > 0:
        penalty = steepness(outputs, batch, contested_B, model) / totals.domain
    if config.domain_loss == "coral":
        aligned = coral(outputs.features, batch.domain, batch.pattern) * len(batch) / totals.fake
    matched, classed = contrasts(outputs.compared, batch, totals, config)
    total = fake + config.part_weight * (video + audio) + domain + config.gradient_penalty * penalty
    total = total + config.coral_weight * aligned + config.infonce_weight * matched + config.supcon_weight * classed
    return Losses(fake, video, audio, domain, penalty, aligned, matched, classed, total)


def binary(
    logit_B: torch.Tensor,
    target_B: torch.Tensor,
    known_B: torch.Tensor,
    total: torch.Tensor,
    smooth: float = 0.0,
    gamma: float = 0.0,
) -> torch.Tensor:
    """Cross-entropy over the clips with known_B = 1, divided by `total`; targets are smooth / 2 and 1 - smooth / 2.

    gamma > 0: each clip weighs (1 - p)^gamma, p the probability of its class (Lin et al. 2017, focal loss).
    """
    softened_B = target_B * (1 - smooth) + smooth / 2
    loss_B = F.binary_cross_entropy_with_logits(logit_B, softened_B, reduction="none")
    if gamma > 0:
        wrong_B = torch.sigmoid(torch.where(target_B > 0.5, -logit_B, logit_B))
        # Below 1, gamma has no slope at 0.
        loss_B = loss_B * wrong_B.clamp(min=1e-6).pow(gamma)
    return (loss_B * known_B).sum() / total


def contrasts(
    compared: Compared | None, batch: Batch, totals: Totals, config: TrainConfig
) -> tuple[torch.Tensor, torch.Tensor]:
    """InfoNCE and SupCon; 0 for a model that has no projections."""
    if compared is None:
        return torch.zeros_like(totals.fake), torch.zeros_like(totals.fake)
    heat = config.temperature
    matched = info_nce(compared.picture, compared.sound, real_pairs(batch), same_clip(batch), heat)
    return matched / totals.infonce, sup_con(compared.features, batch.label, heat) / totals.supcon


def steepness(outputs: Outputs, batch: Batch, contested_B: torch.Tensor, model: Detector) -> torch.Tensor:
    """Half the squared gradient by the features of the log-odds of the true dataset, summed over the contested clips.

    Mescheder et al. 2018 (R1): it is zero-centred and taken at the data, so it needs no pair of datasets to draw lines
    between, as WGAN-GP does, and it does not vanish where a discriminator is certain. Only the discriminators learn
    from it.
    """
    z_BW = outputs.features.detach().float().requires_grad_()
    logits_BG = model.guess_domain(z_BW, outputs.fake, batch)
    safe_BG = torch.where(contested_B[:, None], logits_BG, 0.0)
    true_B1 = batch.domain[:, None]
    rivals_B = safe_BG.scatter(1, true_B1, torch.finfo(torch.float32).min).logsumexp(dim=1)
    odds_B = torch.where(contested_B, safe_BG.gather(1, true_B1)[:, 0] - rivals_B, 0.0)
    (slope_BW,) = torch.autograd.grad(odds_B.sum(), z_BW, create_graph=True)
    return slope_BW.square().sum() / 2


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
