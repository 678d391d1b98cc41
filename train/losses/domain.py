"""Against domain shift: the discriminators' cross-entropy, their gradient penalty, and CORAL.

CORAL compares the clips of a batch: each clip counts once per step, but is compared with no other batch's.

B clips, W width, G datasets
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch, Columns
from unmask.train.data.device_transfer import to_device
from unmask.train.losses.term import LossTerm
from unmask.train.models.detector import Detector, Outputs


def sum_domain_cross_entropy(
    logits_BG: torch.Tensor, domain_B: torch.Tensor, contested_B: torch.Tensor
) -> torch.Tensor:
    """Sum of the discriminators' cross-entropy over the clips whose modality mask several datasets share."""
    # All logits of a clip outside contested_B may be -inf; zeros keep NaN out of the gradient too.
    safe_BG = torch.where(contested_B[:, None], logits_BG, 0.0)
    loss_B = F.cross_entropy(safe_BG, domain_B, reduction="none")
    return torch.where(contested_B, loss_B, 0.0).sum()


def sum_steepness(outputs: Outputs, batch: Batch, contested_B: torch.Tensor, model: Detector) -> torch.Tensor:
    """Half the squared gradient of the true dataset's log-odds by the features, summed over the clips in contested_B.

    Mescheder et al. 2018 (R1). Zero-centered and taken at the data: unlike WGAN-GP it needs no pairs of datasets to
    interpolate between, and it does not vanish where a discriminator is certain. Only the discriminators learn from it.
    """
    z_BW = outputs.features.detach().float().requires_grad_()
    logits_BG = model.guess_domain(z_BW, outputs.fake, batch)
    safe_BG = torch.where(contested_B[:, None], logits_BG, 0.0)
    true_B1 = batch.domain[:, None]
    rivals_B = safe_BG.scatter(1, true_B1, torch.finfo(torch.float32).min).logsumexp(dim=1)
    odds_B = torch.where(contested_B, safe_BG.gather(1, true_B1)[:, 0] - rivals_B, 0.0)
    (slope_BW,) = torch.autograd.grad(odds_B.sum(), z_BW, create_graph=True)
    return slope_BW.square().sum() / 2


def coral(z_BW: torch.Tensor, host: Columns) -> torch.Tensor:
    """Squared distance per entry of means and covariances, over all pairs of datasets that share a modality mask.

    Sun and Saenko 2016 (Deep CORAL), with the means as in DomainBed. A batch has few clips per dataset, and the squared
    noise of their covariances is as large as the difference between datasets: minimizing it only shrinks all features.
    So each dataset is halved by items, and the differences of one half are multiplied with those of the other: the
    noise of independent halves has mean 0. The result is 0 when no pair has two clips in every half.
    """
    halves = _split_halves(host)
    moments = {key: _compute_moments(z_BW.float(), rows) for key, rows in halves.items()}
    cells = sorted({(pattern, domain) for pattern, domain, _ in halves})
    gaps = []
    for one, other in itertools.combinations(cells, 2):
        if one[0] == other[0]:
            ours, theirs = ([moments[*cell, half] for half in (0, 1)] for cell in (one, other))
            gaps += [((ours[0][k] - theirs[0][k]) * (ours[1][k] - theirs[1][k])).mean() for k in (0, 1)]
    return torch.stack(gaps).sum() * 2 / len(gaps) if gaps else z_BW.new_zeros((), dtype=torch.float32)


def _split_halves(host: Columns) -> dict[tuple[int, int, int], NDArray[np.int64]]:
    """(pattern, dataset, half) -> rows, if both halves have two clips; all clips of an item are in the same half."""
    halves: dict[tuple[int, int, int], NDArray[np.int64]] = {}
    for pattern, domain in sorted(set(zip(host.pattern.tolist(), host.domain.tolist(), strict=True))):
        rows = np.flatnonzero(host.exclude_swapped((host.pattern == pattern) & (host.domain == domain)))
        half = np.unique(host.item[rows], return_inverse=True)[1] % 2
        parts = [rows[half == number] for number in (0, 1)]
        if min(map(len, parts)) > 1:
            halves |= {(pattern, domain, number): part for number, part in enumerate(parts)}
    return halves


def _compute_moments(z_BW: torch.Tensor, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
    z_NW = z_BW.index_select(0, to_device(torch.from_numpy(rows), z_BW.device))
    return z_NW.mean(dim=0), z_NW.T.cov()


def _count_contested(batch: Batch, model: Detector) -> float:
    contested_B = np.asarray(model.discriminators.contested_patterns)[batch.host.pattern]
    return float(batch.host.exclude_swapped(contested_B).sum())


def _find_contested(batch: Batch, model: Detector) -> torch.Tensor:
    """(B,) clips whose modality mask several datasets share, on the device. A swapped clip is of no one dataset."""
    contested_B = model.discriminators.find_contested(batch.pattern)
    if batch.host.swapped is None:
        return contested_B
    return contested_B & ~to_device(torch.from_numpy(batch.host.swapped), contested_B.device)


def _domain(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    return sum_domain_cross_entropy(outputs.domain, batch.domain, _find_contested(batch, model))


def _penalty(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    return sum_steepness(outputs, batch, _find_contested(batch, model), model)


def _coral(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    return coral(outputs.features, batch.host) * len(batch)


DOMAIN = LossTerm(name="domain", count=_count_contested, value=_domain)
PENALTY = LossTerm(name="penalty", weight="gradient_penalty", count=_count_contested, value=_penalty)
CORAL = LossTerm(
    name="coral",
    weight="coral_weight",
    value=_coral,
    active=lambda config: config.domain_loss == "coral",
)
