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

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch, Columns
from unmask.train.data.device_transfer import to_device
from unmask.train.losses.contrastive import Compared, info_nce, real_pairs, same_clip, sup_con, with_company
from unmask.train.models.detector import Detector, Outputs


@dataclass(frozen=True, slots=True)
class Totals:
    """Clips of the step that each loss concerns, at least 1; scalars on the device."""

    fake: torch.Tensor
    video: torch.Tensor
    audio: torch.Tensor
    domain: torch.Tensor
    infonce: torch.Tensor
    supcon: torch.Tensor

    @classmethod
    def of(cls, batches: Sequence[Batch], model: Detector) -> Totals:
        """Of a step that has these batches."""
        return cls.counted(to_device(torch.from_numpy(counts(batches, model)), batches[0].label.device))

    @classmethod
    def counted(cls, counts_T: torch.Tensor) -> Totals:
        """From `counts`, on the device, perhaps summed over processes."""
        return cls(*counts_T.clamp(min=1).unbind())


def counts(batches: Sequence[Batch], model: Detector) -> NDArray[np.float32]:
    """In the order of Totals, from what the host knows: no step waits for the device."""
    found = np.zeros(len(fields(Totals)), np.float32)
    for batch in batches:
        known = batch.host
        contested_B = model.discriminators.contested_patterns[known.pattern]
        columns = (known.video_known, known.audio_known, contested_B, real_pairs(known), with_company(known.label))
        found += np.array([len(batch), *(column.sum() for column in columns)], np.float32)
    return found


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
        aligned = coral(outputs.features, batch.host) * len(batch) / totals.fake
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
    device = batch.label.device
    pairs_B = to_device(torch.from_numpy(real_pairs(batch.host)), device)
    same_BB = to_device(torch.from_numpy(same_clip(batch.host)), device)
    matched = info_nce(compared.picture, compared.sound, pairs_B, same_BB, heat)
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


def coral(z_BW: torch.Tensor, host: Columns) -> torch.Tensor:
    """Squared distance of means and of covariances, per entry, of all pairs of datasets that share a modality pattern.

    Sun and Saenko 2016 (Deep CORAL), with the means as in DomainBed. A batch has a few clips of each dataset, and the
    squared noise of their covariances is as large as what sets datasets apart: minimised as it is, it only shrinks all
    features. So each dataset is halved by items, and the differences of one half are multiplied with those of the
    other: noise of independent halves has the mean 0. 0 where no pair has two clips in every half.
    """
    halves = _halves(host)
    moments = {key: _moments(z_BW.float(), rows) for key, rows in halves.items()}
    cells = sorted({(pattern, domain) for pattern, domain, _ in halves})
    gaps = []
    for one, other in itertools.combinations(cells, 2):
        if one[0] == other[0]:
            ours, theirs = ([moments[*cell, half] for half in (0, 1)] for cell in (one, other))
            gaps += [((ours[0][k] - theirs[0][k]) * (ours[1][k] - theirs[1][k])).mean() for k in (0, 1)]
    return torch.stack(gaps).sum() * 2 / len(gaps) if gaps else z_BW.new_zeros((), dtype=torch.float32)


def _halves(host: Columns) -> dict[tuple[int, int, int], NDArray[np.int64]]:
    """(pattern, dataset, half) -> rows, where both halves have two clips; all clips of an item are in one half."""
    found: dict[tuple[int, int, int], NDArray[np.int64]] = {}
    for pattern, domain in sorted(set(zip(host.pattern.tolist(), host.domain.tolist(), strict=True))):
        rows = np.flatnonzero((host.pattern == pattern) & (host.domain == domain))
        half = np.unique(host.item[rows], return_inverse=True)[1] % 2
        parts = [rows[half == number] for number in (0, 1)]
        if min(map(len, parts)) > 1:
            found |= {(pattern, domain, number): part for number, part in enumerate(parts)}
    return found


def _moments(z_BW: torch.Tensor, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
    z_NW = z_BW.index_select(0, to_device(torch.from_numpy(rows), z_BW.device))
    return z_NW.mean(dim=0), z_NW.T.cov()
