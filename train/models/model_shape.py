"""What a model is built from: encoders, sizes, datasets, and which parts it has.

D width of one encoder's tokens, W width of the model
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from unmask.cache.spec import TOKEN_WIDTH, Modality
from unmask.train.auto_size import SIZES
from unmask.train.config import TrainConfig
from unmask.train.data.batch import MODALITIES
from unmask.train.models.fusions import FusionShape

MOST_WEIGHTS, MOST_LAYERS, MOST_PARTS = 1 << 30, 100, 10_000
"""A model is built before its weights are read: a shape in a file of others must not take all memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """Everything needed to build the model before its weights are loaded."""

    streams: tuple[str, ...]
    widths: tuple[int, ...] = ()
    """D of each stream's tokens; left out: 512 each."""
    modalities: tuple[Modality, ...] = ()
    """Of each stream; empty: unknown, which is enough for joint fusion without a contrastive loss."""
    fusion: str = "joint"
    """Key of FUSIONS, or module:attribute."""
    layers: int
    heads: int
    width: int
    feedforward: int
    dropout: float
    datasets: tuple[str, ...]
    shared: tuple[tuple[int, tuple[int, ...]], ...]
    """Per modality pattern (bits, batch.MODALITIES) the datasets whose training clips can show it."""
    conditioned: bool
    """cdan: the discriminators see the features times the predicted class."""
    compared: bool = False
    """Has the projections of the contrastive losses."""
    standardized: bool = False
    """Tokens are standardized before the adapters. False in runs of earlier versions."""
    normalized: bool = False
    """Features have unit length (heads.normalize_features)."""
    lag_step: float = 0.0
    """Bin width in seconds of the lag token; 0: without it."""
    sync: bool = False
    """Reads the curves of the sync encoder."""
    linear: bool = False
    """fusion parts: with a linear term in the mean tokens."""
    joint_means: bool = False
    """fusion parts: the joint logit has a term of the mean token of each modality."""
    part_means: bool = False
    """fusion parts: the logit of a modality has a term of its mean token."""
    mixtures: tuple[tuple[str, ...], ...] = ()
    """Streams that are layers of one network. Their tokens are mixed, unless the fusion tells encoders apart
    (Detector.mixtures)."""
    class_odds: tuple[float, ...] = ()
    """Of each dataset, for train.logit_adjustment (Sampler.class_odds); empty without it."""

    def __post_init__(self) -> None:
        if not self.widths:
            object.__setattr__(self, "widths", (TOKEN_WIDTH,) * len(self.streams))
        if len(self.widths) != len(self.streams):
            raise ValueError(f"{len(self.widths)} widths for the tokens of {len(self.streams)} encoders")
        if len(self.modalities) != len(self.streams) and (self.modalities or self.fusion != "joint" or self.compared):
            raise ValueError(f"{len(self.modalities)} modalities for the tokens of {len(self.streams)} encoders")
        sizes = (self.layers, self.heads, self.width, self.feedforward, *self.widths)
        per_layer = self.width * (4 * self.width + 2 * self.feedforward)
        if min(sizes) < 1 or self.layers * per_layer + self.width * sum(self.widths) > MOST_WEIGHTS:
            raise ValueError(f"{self.layers} layers of width {self.width}: no size of a model")
        if self.layers > MOST_LAYERS or max(len(self.streams), len(self.datasets), len(self.shared)) > MOST_PARTS:
            raise ValueError(f"{self.layers} layers, {len(self.streams)} encoders: no size of a model")
        if self.width % self.heads or not 0 <= self.dropout < 1:
            raise ValueError(f"{self.heads} heads of width {self.width}, dropout {self.dropout}")

    @property
    def groups(self) -> tuple[int, ...]:
        """Number of each stream's modality, its place in MODALITIES; all 0 where it is not given."""
        return tuple(map(MODALITIES.index, self.modalities)) or (0,) * len(self.streams)

    @property
    def fusion_shape(self) -> FusionShape:
        return FusionShape(
            modalities=tuple(sorted(set(self.groups))),
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            feedforward=self.feedforward,
            dropout=self.dropout,
            widths=self.widths,
            groups=self.groups,
            linear=self.linear,
            joint_means=self.joint_means,
            part_means=self.part_means,
            normalized=self.normalized,
        )

    @classmethod
    def of(
        cls,
        config: TrainConfig,
        streams: tuple[str, ...],
        datasets: tuple[str, ...],
        shared: tuple[tuple[int, tuple[int, ...]], ...],
        widths: tuple[int, ...] = (),
        modalities: tuple[Modality, ...] = (),
        lag_step: float = 0.0,
        class_odds: tuple[float, ...] = (),
        mixtures: tuple[tuple[str, ...], ...] = (),
        sync: bool = False,
    ) -> ModelShape:
        """`config` is resolved: its size is large or small."""
        assert config.size != "auto", "the settings are not resolved"
        size = SIZES[config.size]
        return cls(
            streams=streams,
            widths=widths,
            modalities=modalities,
            fusion=config.fusion,
            layers=size.layers,
            heads=size.heads,
            width=size.width,
            feedforward=size.feedforward,
            dropout=config.dropout,
            datasets=datasets,
            shared=shared,
            conditioned=config.domain_loss == "cdan",
            compared=config.infonce_weight > 0 or config.supcon_weight > 0,
            standardized=config.standardize,
            normalized=config.normalize_features,
            lag_step=lag_step,
            class_odds=class_odds,
            mixtures=mixtures,
            sync=sync,
            linear=config.linear_term and config.fusion == "parts",
            joint_means=config.joint_means and config.fusion == "parts",
            part_means=config.part_means and config.fusion == "parts",
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
