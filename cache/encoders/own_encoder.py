"""A user's own encoder, named `module:attribute` in the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from unmask.core.errors import UsageError
from unmask.core.extensions import hash_extension, load_extension
from unmask.core.hashing import fingerprint
from unmask.preprocess.profiles import EncoderChoice

if TYPE_CHECKING:
    import torch

    from unmask.cache.spec import Encoder


def make_own_encoder(choice: EncoderChoice, device: torch.device) -> Encoder:
    """Make the encoder that `choice.name` names. Its source code becomes part of the spec's `weights_hash`.

    `UsageError` when the attribute is not a function that returns an encoder, or when its spec lacks something.
    """
    maker = load_extension(choice.name, "encoder")
    if not callable(maker):
        raise UsageError(f"encoder {choice.name}: not a function", "write `def name(choice, device)`")
    encoder: Encoder = maker(choice, device)
    problem = _find_problem(encoder, choice)
    if problem:
        raise UsageError(f"encoder {choice.name}: {problem}", "docs/add-an-encoder.md has a complete example")
    source = hash_extension(choice.name, "encoder")
    encoder.spec = replace(encoder.spec, weights_hash=fingerprint(encoder.spec.weights_hash, source))
    return encoder


def _find_problem(encoder: Encoder, choice: EncoderChoice) -> str | None:
    from unmask.cache.spec import EncoderSpec, Modality

    spec = getattr(encoder, "spec", None)
    if not isinstance(spec, EncoderSpec):
        return f"its function returned a {type(encoder).__name__} without an EncoderSpec as `spec`"
    if not callable(getattr(encoder, "encode", None)):
        return f"its function returned a {type(encoder).__name__} without a method `encode`"
    if choice.layer is not None and spec.layer is None:
        return f"layer {choice.layer} is asked for, and its spec has no `layer`"
    if spec.modality not in get_args(Modality):
        return f"modality {spec.modality!r}, expected one of {', '.join(get_args(Modality))}"
    if spec.modality == "image" and not spec.tokens_per_frame:
        return "an image encoder needs `tokens_per_frame` in its spec"
    if spec.modality == "audio" and not spec.tokens_per_second:
        return "an audio encoder needs `tokens_per_second` in its spec"
    return None
