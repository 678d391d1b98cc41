"""The detector: tokens of all modalities -> adapters -> fusion -> heads, and reversed -> discriminators.

B clips, N tokens of one encoder in the batch, L slots (CLS first), D width of its tokens, W width, G datasets
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from unmask.train.data.batch import BOTH, MODALITIES, Batch
from unmask.train.data.device_transfer import to_device
from unmask.train.models.contrastive_heads import Compared, Projections
from unmask.train.models.domain_discriminators import Discriminators, reverse_gradient
from unmask.train.models.fusions import load_fusion
from unmask.train.models.heads import FusionWithHeads, normalize_features
from unmask.train.models.lag import AUDIO, IMAGE, LagToken, SyncToken
from unmask.train.models.layer_mixing import LayerMixing, place_tokens
from unmask.train.models.linear import average_tokens
from unmask.train.models.modality_slots import CLS, LAG, PAD, find_modalities
from unmask.train.models.model_shape import ModelShape
from unmask.train.models.part_fusion import ClipInputs, PartFusion
from unmask.train.models.standardize import Adapter, Standardize
from unmask.train.models.transformer_fusion import time_encoding


@dataclass(frozen=True, slots=True)
class Outputs:
    """Logits, float32."""

    fake: torch.Tensor
    """(B,) is anything in the clip fake."""
    video: torch.Tensor
    """(B,) is the image fake."""
    audio: torch.Tensor
    """(B,) is the audio fake."""
    domain: torch.Tensor
    """(B, G) which dataset the clip is from."""
    features: torch.Tensor
    """(B, W) what the heads read."""
    compared: Compared | None
    """For the contrastive losses; None in a model trained without them."""
    terms: torch.Tensor | None
    """(B, T) as in Reading."""


class Detector(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        W, widths = shape.width, dict(zip(shape.streams, shape.widths, strict=True))
        self.standardizers = nn.ModuleDict({name: Standardize(D) for name, D in widths.items() if shape.standardized})
        read = build_reader(shape)
        self.reads_means = getattr(read, "reads_means", False)
        self.reads_clips = getattr(read, "reads_clips", False)
        self.reads_encoders = getattr(read, "reads_encoders", False)
        # A fusion that reads encoders tells layers apart as it does networks.
        self.mixtures = () if self.reads_means or self.reads_encoders else shape.mixtures
        if not self.reads_means:
            self.adapters = nn.ModuleDict({name: Adapter(D, W) for name, D in widths.items()})
            self.stream_embedding = nn.ParameterDict({name: _small(W) for name in shape.streams})
            self.cls = _small(W)
            self.mixing = LayerMixing(self.mixtures)
        self.read = read
        self.lag = LagToken(W, shape.lag_step) if shape.lag_step else None
        self.sync = SyncToken(W) if shape.sync else None
        seen = 2 * W if shape.conditioned else W
        self.discriminators = Discriminators(seen, len(shape.datasets), len(MODALITIES), shape.shared)
        self.projections = Projections(W) if shape.compared else None

    def forward(self, batch: Batch, reversal: float = 0.0) -> Outputs:
        """`reversal`: strength with which the discriminators' gradient is reversed; 0 lets none of it through."""
        tokens, compared = self.standardize(batch), None
        if self.reads_means:
            reading = self.read(average_tokens(tokens, batch))
        else:
            x_BLW, group_BL = self.embed(tokens, batch)
            means_BK = average_tokens(tokens, batch) if self.shape.linear else None
            clips = (ClipInputs(batch.host.pattern, means_BK),) if self.reads_clips else ()
            reading = self.read(x_BLW, group_BL, batch.most, *clips)
            if self.projections is not None:
                shown_BL = find_modalities(group_BL, self.shape.groups) if self.reads_encoders else group_BL
                compared = self.projections(x_BLW, shown_BL, reading.features)
        # What the heads of a fusion read has unit length already; its features may be a mean of several such vectors.
        unit = self.shape.normalized and not self.reads_means
        z_BW, fake_B = normalize_features(reading.features) if unit else reading.features, reading.fake.float()
        return Outputs(
            fake=fake_B,
            video=reading.video.float(),
            audio=reading.audio.float(),
            domain=self.guess_domain(reverse_gradient(z_BW, reversal), fake_B, batch),
            features=z_BW,
            compared=compared,
            terms=reading.terms,
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of Outputs.terms: the modalities of the model, then "joint"; none where the fusion has no terms."""
        if not isinstance(self.read, PartFusion):
            return ()
        parts = tuple(MODALITIES[group] for group in self.read.groups)
        return (*parts, "joint") if len(parts) > 1 else parts

    def standardize(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Encoder -> (N, D) float32."""
        tokens = {name: batch.streams[name].tokens.float() for name in self.shape.streams}
        standardized = self.shape.standardized
        return {name: self.standardizers[name](x) if standardized and len(x) else x for name, x in tokens.items()}

    def embed(self, tokens: Mapping[str, torch.Tensor], batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, L, W) tokens, and (B, L) the modality of each (or encoder, if the fusion reads these), CLS, LAG or PAD.

        CLS in slot 0, then the clip's tokens, zeros behind its last one (masked, never attended to). With a clip of
        image and audio in the batch, one more slot at the end: the lag token plus the sync token, as far as the model
        has them.
        """
        B, L, W = len(batch), batch.slots, self.shape.width
        device = batch.lengths.device
        # Most batches are of one modality: what the other encoders would do on nothing takes as long as on tokens.
        there = [name for name in self.shape.streams if len(tokens[name])]
        weights = {name: weight for name, weight in self.mixing.compute_weights().items() if name in there}
        encoded = _encode_times({name: batch.streams[name].times for name in there}, W)
        tokens_of = {"": self.cls.expand(B, W)}
        slots = {"": torch.arange(B, device=device) * L}
        groups = [torch.full((B,), CLS, device=device)]
        timed: dict[str, torch.Tensor] = {}
        for name, group in zip(self.shape.streams, self.embedded_groups, strict=True):
            if name not in there:
                continue
            stream = batch.streams[name]
            x_NW = self.adapters[name](tokens[name]).float()
            if self.lag is not None and group in (IMAGE, AUDIO):
                timed[name] = self.lag.project(x_NW, stream.times, group)
            tokens_of[name] = x_NW + self.stream_embedding[name] + encoded[name]
            slots[name] = stream.slots
            groups.append(torch.full_like(stream.slots, group))
        x_BLW = place_tokens(tokens_of, slots, weights, B * L).unflatten(0, (B, L))
        group_X = torch.full((B * L,), PAD, device=device).index_copy(
            0, torch.cat(list(slots.values())), torch.cat(groups)
        )
        group_BL = group_X.unflatten(0, (B, L))
        rows = np.flatnonzero(batch.host.pattern & BOTH == BOTH)
        if (self.lag is None and self.sync is None) or not len(rows):
            return x_BLW, group_BL
        rows_R = to_device(torch.from_numpy(rows), device)
        token_RW = x_BLW.new_zeros(len(rows), W)
        if self.lag is not None:
            y_BLV = place_tokens(timed, slots, weights, B * L).unflatten(0, (B, L))
            token_RW = token_RW + self.lag(y_BLV[rows_R], group_BL[rows_R], batch.most)
        if self.sync is not None and batch.sync is not None:
            token_RW = token_RW + self.sync(batch.sync.curve_BL[rows_R], batch.sync.known_B[rows_R])
        return append_lag(x_BLW, group_BL, token_RW, rows_R)

    def describe_layers(self) -> list[str]:
        """One line per network whose layers are mixed: each layer with its weight."""
        return [] if self.reads_means else self.mixing.describe()

    @property
    def embedded_groups(self) -> Sequence[int]:
        """What stands in group_BL for each encoder."""
        return range(len(self.shape.streams)) if self.reads_encoders else self.shape.groups

    def fit_standardizer(self, stream: str, mean_D: torch.Tensor, deviation_D: torch.Tensor) -> None:
        """Standardize the tokens of this encoder by the mean and deviation of each feature, (D,) each."""
        standardizer = self.standardizers[stream]
        assert isinstance(standardizer, Standardize)
        standardizer.fit(mean_D, deviation_D)

    def guess_domain(self, z_BW: torch.Tensor, fake_B: torch.Tensor, batch: Batch) -> torch.Tensor:
        """(B, G) logits of the discriminators."""
        if self.shape.conditioned:
            # Long et al. 2018 (CDAN): the outer product of features and prediction, which itself gets no gradient.
            fake_B1 = torch.sigmoid(fake_B.detach())[:, None].to(z_BW.dtype)
            z_BW = torch.cat([z_BW * fake_B1, z_BW * (1 - fake_B1)], dim=1)
        logits_BG: torch.Tensor = self.discriminators(z_BW, batch.pattern)
        return logits_BG

    def feeding(self) -> list[nn.Parameter]:
        """Parameters that only the tokens of one encoder or network reach: without gradient in a step without any."""
        if self.reads_means:
            return []
        return [*self.adapters.parameters(), *self.stream_embedding.parameters(), *self.mixing.parameters()]

    def adversary(self) -> list[nn.Parameter]:
        return list(self.discriminators.parameters())

    def detector(self) -> list[nn.Parameter]:
        """All parameters but the discriminators'."""
        return [p for name, p in self.named_parameters() if not name.startswith("discriminators.")]


def build_reader(shape: ModelShape) -> nn.Module:
    """Module that maps tokens, their modalities and the largest number of tokens per modality to a Reading."""
    fusion = load_fusion(shape.fusion)(shape.fusion_shape)
    if getattr(fusion, "gives_logits", False):
        return fusion
    return FusionWithHeads(fusion, shape.width, shape.dropout, shape.normalized)


def _encode_times(times: Mapping[str, torch.Tensor], width: int) -> dict[str, torch.Tensor]:
    """Encoder -> (N, W) `time_encoding` of its times (N,), computed at once."""
    if not times:
        return {}
    parts = time_encoding(torch.cat(list(times.values())), width).split([len(times_N) for times_N in times.values()])
    return dict(zip(times, parts, strict=True))


def _small(width: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(width) * 0.02)


def append_lag(
    x_BLW: torch.Tensor, group_BL: torch.Tensor, token_RW: torch.Tensor, rows_R: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sequences with a slot more: the lag token in the rows `rows_R`, PAD in the others."""
    token_BW = torch.zeros_like(x_BLW[:, 0]).index_copy(0, rows_R, token_RW)
    group_B = torch.full_like(group_BL[:, 0], PAD).index_fill(0, rows_R, LAG)
    return torch.cat([x_BLW, token_BW[:, None]], dim=1), torch.cat([group_BL, group_B[:, None]], dim=1)
