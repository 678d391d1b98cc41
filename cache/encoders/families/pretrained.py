"""transformers models with exactly the tensors of a checkpoint.

transformers fills what a checkpoint lacks with random numbers, and reads one family's configuration as another's. Both
give tokens that look like any others, so both are refused here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from logging import CRITICAL
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers.utils import logging

from unmask.cache.encoders.families.fairseq_names import has_convolution_bias, has_fairseq_names, rename_tensors
from unmask.cache.encoders.families.table import FAMILIES, Family
from unmask.cache.encoders.frozen import build_seeded
from unmask.cache.weights.folder_files import read_settings
from unmask.cache.weights.resolve import Weights
from unmask.cache.weights.tensor_files import Tensors, read_tensors
from unmask.core.errors import MissingInput

# What torch and transformers raise for a configuration or tensors that do not fit together.
MISFITS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    StrictDataclassError,
    TypeError,
    ValueError,
)
# A mask that is only used in training; and the pooled output of a text network, which no encoder here reads.
UNUSED = re.compile(r"(^|\.)masked_spec_embed$|(^|\.)pooler\.dense\.(weight|bias)$|(^|\.)position_ids$")
NAMED = 3
"""Tensors that a message lists."""


@contextmanager
def refuse_misfits(path: Path, what: str) -> Iterator[None]:
    """Turn an exception that says that `path` does not fit into `MissingInput`: "`path`: `what` (the exception)"."""
    try:
        yield
    except MISFITS as error:
        reason = str(error).strip().partition("\n")[0]
        raise MissingInput(f"{path}: {what} ({reason})", "check `weights`, or fetch the folder again") from error


def read_config(weights: Weights, families: Mapping[str, Any], wanted: str) -> Any:
    """The configuration in config.json, of one of `families` (model_type -> class of its configuration, or `Family`).

    `MissingInput` names any other `model_type`. `wanted`: the kind of model in words.
    """
    path = weights.folder / "config.json"
    settings = read_settings(path)
    family = str(settings.get("model_type"))
    if family not in families:
        known = ", ".join(families)
        problem = f"{path}: model_type {family!r}, and this encoder reads {wanted}"
        other = f"{FAMILIES[family].read_by}:<weights> reads it; or " if family in FAMILIES else ""
        raise MissingInput(problem, f"{other}set `weights` to a model of model_type {known}")
    if settings.get("quantization_config"):
        raise MissingInput(f"{path}: quantized weights", "set `weights` to the model in full or half precision")
    found = families[family]
    kind = found.load_class(found.config) if isinstance(found, Family) else found
    with refuse_misfits(path, "not a configuration of this kind"):
        return kind.from_dict(settings)


def load_exactly(kind: Any, config: Any, weights: Weights, *, anchor: str | None = None) -> Any:
    """Build the transformers model of class `kind` with the tensors of `weights`, in float32.

    `MissingInput` names tensors that the checkpoint lacks, or has too many of. Heads on top of it are left out: with
    `anchor`, the name of one of its tensors, all that do not have the prefix that this one has in the checkpoint.
    """
    logging.disable_progress_bar()  # one bar per stage is enough
    tensors = read_tensors(weights.tensors)
    if has_fairseq_names(tensors):
        tensors = rename_tensors(tensors, weights.tensors)
        config.conv_bias = has_convolution_bias(tensors)
    if anchor is not None:
        tensors = take_network(tensors, anchor, weights.tensors)
    before = logging.get_verbosity()
    logging.set_verbosity(CRITICAL)  # what its report says in a table, the error below says in words
    try:
        with refuse_misfits(weights.tensors, f"not the weights of a {config.model_type} model as config.json says"):
            network, report = build_seeded(0, lambda: _load(kind, config, tensors))
    finally:
        logging.set_verbosity(before)
    _refuse(weights.tensors, "has no", report["missing_keys"])
    unexpected = report["unexpected_keys"]
    own = unexpected if anchor is not None else _drop_heads(unexpected, kind.base_model_prefix, tensors)
    _refuse(weights.tensors, "has too much:", own)
    _refuse(weights.tensors, "has another shape of", [name for name, *_ in report["mismatched_keys"]])
    return network


def take_network(tensors: Tensors, anchor: str, path: Path) -> Tensors:
    """The network's tensors by its own names, without heads: "vision_model.norm.weight" becomes "norm.weight".

    A network that a checkpoint has twice, as a part of two others, is taken once where both copies are equal.
    `MissingInput` where no tensor, or more than one, has the name `anchor` after any prefix.
    """
    prefixes = [name.removesuffix(anchor) for name in tensors if name == anchor or name.endswith(f".{anchor}")]
    found = [
        {name.removeprefix(start): values for name, values in tensors.items() if name.startswith(start)}
        for start in prefixes
    ]
    if not found or any(not _are_equal(found[0], other) for other in found[1:]):
        problem = f"has no {anchor}" if not prefixes else f"has {len(prefixes)} tensors {anchor}"
        raise MissingInput(f"{path}: {problem}", "check `weights`, or fetch the folder again")
    return found[0]


def _are_equal(one: Tensors, other: Tensors) -> bool:
    return one.keys() == other.keys() and all(torch.equal(values, other[name]) for name, values in one.items())


def _load(kind: Any, config: Any, tensors: Tensors) -> Any:
    return kind.from_pretrained(
        None,
        config=config,
        state_dict=tensors,
        # transformers would use the precision of the checkpoint; tokens must not depend on how it was saved.
        dtype=torch.float32,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are in the report too
    )


def _drop_heads(unexpected: Collection[str], prefix: str, tensors: Tensors) -> list[str]:
    """The unexpected tensors that belong to the network itself.

    A model with a head puts its network's tensors under `prefix`, which transformers removes; all others are heads.
    """
    prefixed = any(name.startswith(f"{prefix}.") for name in tensors)
    return [name for name in unexpected if not prefixed or name not in tensors or name.startswith(f"{prefix}.")]


def _refuse(path: Path, what: str, names: Collection[str]) -> None:
    wrong = sorted(name for name in names if not UNUSED.search(name))
    if wrong:
        more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise MissingInput(
            f"{path}: {what} {', '.join(wrong[:NAMED])}{more}",
            "the file is another model's or incomplete: fetch it again, or check `weights`",
        )
