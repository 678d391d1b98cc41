"""Rows, outcomes and a fitted scope model for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.verdict_models.scope_model import ScopeModel, fit_scope
from unmask.evaluation.verdict_models.token_space import fit_token_space
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome

D = 8


def make_row(number: int = 0, **about: Any) -> MediaRow:
    values: dict[str, Any] = {
        "media_id": f"{number:032x}",
        "dataset": "own",
        "domain_id": 9,
        "path": f"{number}.jpg",
        "kind": "image",
        "label": number % 2,
        "method": "swap" if number % 2 else "none",
        "container": "jpeg",
        "width": 256,
        "height": 256,
        "group": f"g{number}",
    }
    return MediaRow(**{**values, **about})


def make_outcome(faces: int = 1, missing: int = 0, **about: Any) -> Outcome:
    return Outcome(media_id="a", dataset="own", path="a", outcome="done", faces=faces, fallback_faces=missing, **about)


def make_items(count: int, **about: Any) -> ItemSet:
    return ItemSet(tuple(make_row(number, **about) for number in range(count)))


def make_scores(count: int, gap: float, seed: int = 0):
    """(N,) labels, logits and a group of its own for each item."""
    is_fake = np.arange(count) % 2 == 0
    return is_fake, np.random.default_rng(seed).normal(size=count) + gap * (is_fake - 0.5), np.arange(count)


def draw_means(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32)


def make_scope(validation: int = 40, tested: int = 20, faceless: int = 0) -> ScopeModel:
    """Of images with tokens of one encoder, `faceless` of which have no face."""
    space = fit_token_space("lite0", "image", draw_means(100, 0), seed=0)
    assert space is not None
    return fit_scope(
        make_items(30),
        make_items(validation),
        make_items(tested),
        [space],
        {"lite0": (draw_means(validation, 1), np.ones(validation, np.bool_))},
        [0.0 if number < faceless else 1.0 for number in range(validation)],
    )
