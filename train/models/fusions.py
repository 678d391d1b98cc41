"""Every fusion: how the tokens of all modalities become one vector per clip.

B clips, L slots (CLS first), W width
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from unmask.core.errors import MissingInput, UsageError
from unmask.core.extensions import is_extension, load_extension
from unmask.train.models.attentive_fusion import AttentiveFusion
from unmask.train.models.early_fusion import EarlyFusion
from unmask.train.models.late_fusion import LateFusion
from unmask.train.models.linear import LinearModel
from unmask.train.models.part_fusion import PartFusion
from unmask.train.models.transformer_fusion import Pattern, TransformerFusion


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionShape:
    """What a fusion is built from: the modalities of the model, and its size (auto_size.SIZES)."""

    modalities: tuple[int, ...]
    """Positions in batch.MODALITIES, ascending. (0,) when the model was built without modalities."""
    width: int
    """W of every token, and of the features that the fusion returns."""
    layers: int
    heads: int
    feedforward: int
    dropout: float
    widths: tuple[int, ...] = ()
    """D of each encoder's tokens, for a module that reads their means or tells encoders apart."""
    groups: tuple[int, ...] = ()
    """Modality of each encoder, a position in batch.MODALITIES."""
    linear: bool = False
    """fusion parts: the logit of a modality has a linear term in its mean tokens."""
    joint_means: bool = False
    """fusion parts: the joint logit has a term of the mean token of each modality."""
    part_means: bool = False
    """fusion parts: the logit of a modality has a term of its mean token."""
    normalized: bool = False
    """The features have unit length (heads.normalize_features). Only a module with its own heads has to see to it."""


BuildFusion = Callable[[FusionShape], nn.Module]
"""The module's forward: x_BLW (B, L, W) float32 tokens with CLS in slot 0, group_BL (B, L) int64 modality of each slot
(position in batch.MODALITIES, modality_slots.CLS or PAD) -> (B, W) features, which the heads read.

A module with `reads_encoders = True` gets in group_BL the number of the encoder instead of the modality: its place in
`widths`.

A module with `gives_logits = True` has its own heads and returns a heads.Reading; its forward also gets `most`, the
largest number of tokens per modality in the batch.

A module with `reads_clips = True` too gets part_fusion.ClipInputs as a fourth argument.

A module with `reads_means = True` too gets, instead of all these, the mean token of each encoder, as
linear.average_tokens returns them."""


def parts(shape: FusionShape) -> nn.Module:
    """One transformer over each modality alone and over all together, their logits combined by noisy-or."""
    encoders = tuple(zip(shape.groups, shape.widths, strict=True))
    return PartFusion(
        encoders,
        _build_transformer(shape, "joint"),
        shape.width,
        shape.dropout,
        linear=shape.linear,
        joint_means=shape.joint_means,
        part_means=shape.part_means,
    )


def joint(shape: FusionShape) -> nn.Module:
    """Every token attends to every other."""
    return _build_transformer(shape, "joint")


def within(shape: FusionShape) -> nn.Module:
    """Tokens attend within their own modality; CLS reads all of them in the last block."""
    return _build_transformer(shape, "within")


def cross(shape: FusionShape) -> nn.Module:
    """Tokens attend to the other modalities and to their own in alternate blocks."""
    return _build_transformer(shape, "cross")


def early(shape: FusionShape) -> nn.Module:
    """The mean token of each modality, concatenated, into an MLP."""
    return EarlyFusion(shape.modalities, shape.width, shape.feedforward, shape.dropout)


def attentive(shape: FusionShape) -> nn.Module:
    """The tokens of each encoder, pooled by a learned query, concatenated, into an MLP."""
    return AttentiveFusion(len(shape.widths), shape.width, shape.heads, shape.feedforward, shape.dropout)


def late(shape: FusionShape) -> nn.Module:
    """One transformer per modality, their logits averaged with learned weights."""
    return LateFusion(shape.modalities, lambda: joint(shape), shape.width, shape.dropout)


def linear(shape: FusionShape) -> nn.Module:
    """One linear layer on the mean token of each encoder."""
    return LinearModel(shape.widths, shape.width, shape.normalized)


_BUILT_IN = (parts, joint, within, cross, early, attentive, late, linear)
FUSIONS: dict[str, BuildFusion] = {fusion.__name__: fusion for fusion in _BUILT_IN}
"""Values of `train.fusion`; docs/add-a-fusion.md."""
MIXING_FUSIONS = ("parts", "joint", "within", "cross", "early", "late")
"""Those that read the layers of one network in shared slots."""
LAG_FUSIONS = ("parts", "joint")
"""Those that get the lag token: it would tell the others what they must not know, or nothing."""


def _build_transformer(shape: FusionShape, pattern: Pattern) -> TransformerFusion:
    return TransformerFusion(
        shape.layers, shape.width, shape.heads, shape.feedforward, shape.dropout, pattern, shape.normalized
    )


def describe_fusions() -> str:
    """One line: each fusion with the first sentence of its docstring."""
    return "; ".join(f"{name}: {(build.__doc__ or '').strip().partition('.')[0]}" for name, build in FUSIONS.items())


def load_fusion(name: str) -> BuildFusion:
    """The fusion of this name in FUSIONS, or the one that `module:attribute` names."""
    if name in FUSIONS:
        return FUSIONS[name]
    if not is_extension(name):
        remedy = f"register it first: FUSIONS[{name!r}] = ..., or name one of {', '.join(FUSIONS)}"
        raise MissingInput(f"fusion {name}: not registered", remedy)
    build = load_extension(name, "fusion")
    if not callable(build):
        raise UsageError(f"fusion {name}: cannot be called", "give a class, or a function that returns an nn.Module")
    loaded: BuildFusion = build
    return loaded
