"""What the trained model itself tells: its encoders, the weights of mixed layers, the calibration of its terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.evaluation.paper.references import name_weights
from unmask.train.run_folder import LoadedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderLine:
    name: str
    """In the profile."""
    modality: str
    layer: str
    """Layers that its tokens are of; "" for the default of the encoder."""
    weights: str
    weights_hash: str
    share: float | None
    """Of a layer that is mixed with others: its weight, the softmax of a learned number; they add up to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermLine:
    """The logit of a modality becomes slope * logit + intercept before the modalities are combined."""

    modality: str
    kinds: str
    """Kinds of media that the line is of."""
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInside:
    encoders: Sequence[EncoderLine] = ()
    terms: Sequence[TermLine] = ()
    """Empty for a fusion without terms, and for an ensemble, whose members have their own."""
    members: int = 0
    """Of an ensemble: the weights are those of its first member."""


def look_inside(loaded: LoadedRun) -> ModelInside:
    model = loaded.model
    shares = {} if model.reads_means else {name: one.item() for name, one in model.mixing.compute_weights().items()}
    encoders = [
        EncoderLine(
            name=name,
            modality=stream.spec.modality,
            layer=", ".join(map(str, stream.spec.layers)),
            weights=name_weights(stream.spec),
            weights_hash=stream.spec.weights_hash,
            share=shares.get(name),
        )
        for name, stream in loaded.info.streams.items()
    ]
    terms = [
        TermLine(modality=one.modality, kinds=", ".join(one.kinds), slope=one.slope, intercept=one.intercept)
        for one in loaded.info.terms
    ]
    return ModelInside(encoders=encoders, terms=() if loaded.members else terms, members=len(loaded.members))
