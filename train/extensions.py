"""Users' own fusions and losses: the source that a run was trained with is part of its key and kept in its folder."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from unmask.core.errors import MissingInput
from unmask.core.extensions import hash_extension, is_extension
from unmask.core.hashing import fingerprint
from unmask.train.config import TrainConfig
from unmask.train.losses.objective import LOSS_TERMS
from unmask.train.models.fusions import FUSIONS, load_fusion


def hash_extensions(config: TrainConfig) -> dict[str, str]:
    """ "fusion NAME" or "loss NAME" -> hash of its source, of all that `config` uses beside the built-in ones."""
    hashes = {f"loss {name}": hash_extension(name, "loss") for name in config.extra_losses}
    for term in LOSS_TERMS:
        if _is_users(term.value) and term.is_active(config):
            hashes[f"loss {term.name}"] = fingerprint("term-1", _read_source(term.value), term.weight_in(config))
    return hashes | hash_fusion(config.fusion)


def hash_fusion(name: str) -> dict[str, str]:
    """The same of a fusion alone; empty for a built-in one."""
    if name not in FUSIONS and is_extension(name):
        return {f"fusion {name}": hash_extension(name, "fusion")}
    if name in FUSIONS and _is_users(FUSIONS[name]):
        return {f"fusion {name}": fingerprint("fusion-1", _read_source(FUSIONS[name]))}
    return {}


def check_fusion(run: object, name: str, extensions: Mapping[str, str]) -> None:
    """`MissingInput` when the fusion of a trained run is gone or its source is not the one in `extensions`.

    Losses are not checked: a trained model does not need them.
    """
    for key, found in hash_fusion(name).items():
        if extensions.get(key) != found:
            raise MissingInput(f"{run}: the source of {key} has changed since", "restore it, or train again")
    load_fusion(name)


def _is_users(thing: Any) -> bool:
    return not str(getattr(thing, "__module__", "")).startswith("unmask.")


def _read_source(thing: Any) -> str:
    """Source code; only the name of what was typed into a plain interpreter, which keeps none."""
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        return str(getattr(thing, "__qualname__", type(thing).__qualname__))
