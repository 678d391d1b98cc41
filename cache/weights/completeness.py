"""Have the weights of an encoder every tensor of its network? By the headers of their files, without their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from unmask.cache.encoders import find_given_weights, make_encoder
from unmask.cache.spec import Encoder
from unmask.cache.weights.resolve import Availability, find_weights, list_weights, needs_weights
from unmask.cache.weights.tensor_files import reading_headers_only
from unmask.core.errors import MissingInput, UnmaskError
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")


def check_weights(encoder: Encoder) -> None:
    """`MissingInput` names a tensor that the weights lack, or have too much. An encoder of the user's own passes."""
    load = getattr(encoder, "_load", None)  # of every encoder with weights (encoders/*_base.py)
    if load is not None:
        with reading_headers_only():
            load()


def list_checked_weights(choices: Sequence[EncoderChoice] = ()) -> list[Availability]:
    """`list_weights` after a look into the files, and a line for each of `choices` that names weights of its own.

    The files of installed packages are not looked into: pip has checked them.
    """
    lines = [
        _check(EncoderChoice(name=line.encoder), line)
        if line.state == "found" and not line.where.startswith("package ")
        else line
        for line in list_weights()
    ]
    own = [choice for choice in choices if find_given_weights(choice) is not None and needs_weights(choice.name)]
    described = [(choice, _describe(choice)) for choice in own]
    return lines + [_check(*one) if one[1].state == "found" else one[1] for one in described]


def _check(choice: EncoderChoice, line: Availability) -> Availability:
    try:
        check_weights(make_encoder(choice, CPU))
    except UnmaskError as error:
        return replace(line, state="incomplete", where=error.problem)
    return line


def _describe(choice: EncoderChoice) -> Availability:
    name = f"{choice.alias_or_name} of the profile"
    try:
        found = find_weights(choice.name, choice.weights)
    except MissingInput as error:
        return Availability(name, "not found", error.problem)
    where = found.origin if found else str(find_given_weights(choice))
    return Availability(name, "found" if found else "not found", where)
