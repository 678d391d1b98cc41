"""Part fusion: one transformer reads each modality of a clip alone and all of them together.

B clips, L slots (CLS first), R clips that have several modalities, S slots of one modality, M modalities of the model,
T terms (each modality, then all together), W width
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from unmask.cache.spec import Modality
from unmask.metrics.noisy_or import LOWEST
from unmask.train.data.batch import MODALITIES, count_modalities
from unmask.train.data.device_transfer import to_device
from unmask.train.models.early_fusion import EarlyFusion
from unmask.train.models.heads import Reading, build_head
from unmask.train.models.modality_slots import CLS, LAG, PAD, gather_tokens
from unmask.train.models.transformer_fusion import TransformerFusion

# Before it has learned anything the joint term adds little suspicion to that of the parts.
JOINT_BIAS = -2.0


@dataclass(frozen=True, slots=True)
class ClipInputs:
    """What a fusion with reads_clips gets of the clips of a batch, beside their tokens."""

    pattern: NDArray[np.int64]
    """(B,) modality masks, on the host."""
    means_BK: torch.Tensor | None
    """Mean token of each encoder side by side, as linear.average_tokens gives them; None for a model without a linear
    term."""


@dataclass(frozen=True, slots=True)
class _Sequence:
    """CLS and tokens of R clips."""

    x_RSW: torch.Tensor
    group_RS: torch.Tensor


class PartFusion(nn.Module):
    """A logit for each modality from its own tokens, and one for what only all of them together show.

    The clip's logit is their noisy-or: no modality can excuse another. The first half of the blocks reads each modality
    alone; the others read its tokens alone for its logit, and those of all modalities for the joint one. So a clip of
    one modality has one term and costs one pass, a clip of two costs half a pass more.
    """

    gives_logits = True
    reads_clips = True

    def __init__(
        self,
        encoders: Sequence[tuple[int, int]],
        transformer: TransformerFusion,
        width: int,
        dropout: float,
        *,
        linear: bool,
        joint_means: bool,
        part_means: bool,
    ) -> None:
        """`encoders`: modality (position in MODALITIES) and token width of each.

        `linear`: the logit of a modality also has a linear term in the mean tokens of its encoders (Cheng et al. 2016,
        wide and deep): a transformer on few clips does not find again all that a linear probe finds.
        For the same reason the joint logit has a term of an MLP on the mean token of each modality (`joint_means`), and
        the logit of a modality one of an MLP on its own mean token (`part_means`).
        """
        super().__init__()
        self.groups = tuple(sorted({group for group, _ in encoders}))
        self.columns = _list_columns(encoders)
        widths = {group: sum(width for own, width in encoders if own == group) for group in self.columns}
        self.linear_heads = nn.ModuleDict(
            {MODALITIES[group]: _make_linear(width) for group, width in widths.items() if linear}
        )
        self.transformer = transformer
        self.shared = len(transformer.blocks) // 2
        self.part_heads = nn.ModuleDict({MODALITIES[group]: build_head(width, dropout) for group in self.groups})
        self.joint_head = build_head(width, dropout) if len(self.groups) > 1 else None
        if self.joint_head is not None:
            last = self.joint_head[-1]
            assert isinstance(last, nn.Linear)
            nn.init.constant_(last.bias, JOINT_BIAS)
        has_early = joint_means and len(self.groups) > 1
        self.early = EarlyFusion(self.groups, width, width, dropout) if has_early else None
        self.early_head = _make_mean_head(width) if has_early else None
        own = {MODALITIES[group]: group for group in self.groups if part_means}
        self.part_early = nn.ModuleDict(
            {name: EarlyFusion([group], width, width, dropout) for name, group in own.items()}
        )
        self.part_early_heads = nn.ModuleDict({name: _make_mean_head(width) for name in own})

    def forward(
        self, x_BLW: torch.Tensor, group_BL: torch.Tensor, most: Mapping[Modality, int], clips: ClipInputs
    ) -> Reading:
        """`most`: tokens of the clip that has most, per modality."""
        device, several = x_BLW.device, count_modalities(clips.pattern) > 1
        z_BW = torch.zeros_like(x_BLW[:, 0])
        terms = len(self.groups) + (self.joint_head is not None)
        terms_BT = z_BW.new_full((len(z_BW), terms), torch.nan)
        parts = []
        for number, group in enumerate(self.groups):
            rows = np.flatnonzero(clips.pattern >> group & 1)
            if len(rows):
                rows_R = to_device(torch.from_numpy(rows), device)
                own = _take_part(_pick(x_BLW, rows_R), _pick(group_BL, rows_R), group, most[MODALITIES[group]])
                part = replace(own, x_RSW=self.transformer.run_blocks(own.x_RSW, own.group_RS, 0, self.shared))
                z_RW = self.transformer(part.x_RSW, part.group_RS, begin=self.shared)
                z_BW = z_BW.index_copy(0, rows_R, z_RW)
                logit_R = self._judge_part(group, z_RW, clips.means_BK, rows_R)
                if self.part_early:
                    name = MODALITIES[group]
                    early, head = self.part_early[name], self.part_early_heads[name]
                    logit_R = logit_R + _judge_means(early, head, own.x_RSW, own.group_RS)
                terms_BT = terms_BT.index_put((rows_R, torch.full_like(rows_R, number)), logit_R)
                parts.append((rows, part))
        rows = np.flatnonzero(several)
        if self.joint_head is not None and len(rows):
            rows_R = to_device(torch.from_numpy(rows), device)
            x_RLW, group_RL = _pick(x_BLW, rows_R), _pick(group_BL, rows_R)
            sequence = self._join(x_RLW, group_RL, rows, parts)
            z_RW = self.transformer(sequence.x_RSW, sequence.group_RS, begin=self.shared)
            z_BW = z_BW.index_copy(0, rows_R, z_RW)
            logit_R = self.joint_head(z_RW)[:, 0].float()
            if self.early is not None and self.early_head is not None:
                logit_R = logit_R + _judge_means(self.early, self.early_head, x_RLW, group_RL)
            terms_BT = terms_BT.index_put((rows_R, torch.full_like(rows_R, terms - 1)), logit_R)
        fake_B = combine_terms(terms_BT.nan_to_num(), ~terms_BT.isnan())
        return Reading(z_BW, fake_B, self._get_part("image", terms_BT), self._get_part("audio", terms_BT), terms_BT)

    def _join(
        self,
        x_RLW: torch.Tensor,
        group_RL: torch.Tensor,
        rows: NDArray[np.int64],
        parts: Sequence[tuple[NDArray[np.int64], _Sequence]],
    ) -> _Sequence:
        """A fresh CLS, the tokens of all `parts` (each with its rows of the batch) and the lag token of the `rows`."""
        lag_R1W, used_R1 = gather_tokens(x_RLW, group_RL, LAG, 1)
        xs, groups = [x_RLW[:, :1], lag_R1W], [group_RL[:, :1], torch.where(used_R1, LAG, PAD)]
        for own, part in parts:
            there, source = (to_device(torch.from_numpy(at), x_RLW.device) for at in _match(rows, own))
            shape = (len(rows), part.x_RSW.shape[1] - 1, x_RLW.shape[2])
            xs.append(part.x_RSW.new_zeros(shape).index_copy(0, there, _pick(part.x_RSW, source)[:, 1:]))
            empty_RS = group_RL.new_full(shape[:2], PAD)
            groups.append(empty_RS.index_copy(0, there, _pick(part.group_RS, source)[:, 1:]))
        return _Sequence(torch.cat(xs, dim=1), torch.cat(groups, dim=1))

    def _judge_part(
        self, group: int, z_RW: torch.Tensor, means_BK: torch.Tensor | None, rows_R: torch.Tensor
    ) -> torch.Tensor:
        """(R,) logits of one modality of the clips `rows_R`."""
        name = MODALITIES[group]
        logit_R: torch.Tensor = self.part_heads[name](z_RW)[:, 0].float()
        if means_BK is None:
            return logit_R
        own_RK = torch.cat([_pick(means_BK, rows_R)[:, columns] for columns in self.columns[group]], dim=1)
        linear_R: torch.Tensor = self.linear_heads[name](own_RK)[:, 0].float()
        return logit_R + linear_R

    def _get_part(self, modality: Modality, terms_BT: torch.Tensor) -> torch.Tensor:
        """(B,) logit of one modality, 0 for a clip without it: no loss and no score reads that."""
        number = MODALITIES.index(modality)
        if number not in self.groups:
            return torch.zeros_like(terms_BT[:, 0])
        return terms_BT[:, self.groups.index(number)].nan_to_num()


def _list_columns(encoders: Sequence[tuple[int, int]]) -> dict[int, list[slice]]:
    """Modality -> columns of its encoders' mean tokens in ClipInputs.means_BK; each encoder's flag is left out."""
    columns: dict[int, list[slice]] = {}
    begin = 0
    for group, width in encoders:
        columns.setdefault(group, []).append(slice(begin, begin + width))
        begin += width + 1
    return columns


def _pick(x_B: torch.Tensor, rows_R: torch.Tensor) -> torch.Tensor:
    """`x_B` (B, ...) of the rows `rows_R`, different and ascending: `x_B` itself where it is all of them.

    Indexing by rows_R would do the same, but add up its gradient row by row.
    """
    return x_B if len(rows_R) == len(x_B) else x_B.index_select(0, rows_R)


def _take_part(x_RLW: torch.Tensor, group_RL: torch.Tensor, group: int, slots: int) -> _Sequence:
    """CLS and the tokens of one modality."""
    x_RSW, used_RS = gather_tokens(x_RLW, group_RL, group, slots)
    group_RS = torch.cat([torch.full_like(group_RL[:, :1], CLS), torch.where(used_RS, group, PAD)], dim=1)
    return _Sequence(torch.cat([x_RLW[:, :1], x_RSW], dim=1), group_RS)


def _match(rows: NDArray[np.int64], own: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions in `rows` and in `own`, both ascending, of the rows that both have."""
    common = np.isin(own, rows)
    return np.searchsorted(rows, own[common]), np.flatnonzero(common)


def _make_linear(features: int) -> nn.Linear:
    linear = nn.Linear(features, 1, bias=False)
    nn.init.zeros_(linear.weight)
    return linear


def _make_mean_head(width: int) -> nn.Linear:
    """Of the MLP on mean tokens. Not 0: the MLP would learn nothing in the first step."""
    head = nn.Linear(width, 1, bias=False)
    nn.init.normal_(head.weight, std=0.01)
    return head


def _judge_means(early: nn.Module, head: nn.Module, x_RLW: torch.Tensor, group_RL: torch.Tensor) -> torch.Tensor:
    """(R,) what an MLP on the mean tokens of its modalities adds to a logit."""
    logit_R: torch.Tensor = head(early(x_RLW, group_RL))[:, 0].float()
    return logit_R


def combine_terms(logit_BT: torch.Tensor, present_BT: torch.Tensor) -> torch.Tensor:
    """(B,) logit of 1 - prod(1 - p) over the terms a clip has, p = sigmoid(logit) (Pearl 1988, noisy-or).

    A clip of one term gets that term's logit; a further term can only raise the result. Each clip has a term.
    """
    suspicion_BT = F.softplus(logit_BT.float().clamp(min=LOWEST)) * present_BT
    sum_B = suspicion_BT.sum(dim=1)
    return sum_B + torch.log(-torch.expm1(-sum_B))
