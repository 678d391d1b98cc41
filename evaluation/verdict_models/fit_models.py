"""Fit the verdict models of a run: on its training and validation items, and never on a test item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.control_features import average_tokens
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.unscored_items import load_outcomes
from unmask.evaluation.verdict_models.evidence_model import EvidenceModel, Part, fit_evidence
from unmask.evaluation.verdict_models.scope_model import ScopeModel, fit_scope, measure_faces
from unmask.evaluation.verdict_models.token_space import fit_token_space
from unmask.evaluation.verdict_models.verdict_models import VerdictModels
from unmask.train.scoring import ClipScores, average_by_item

MODALITIES = ("image", "audio", "text")
"""Whose tokens are measured. Those of the header are told apart as what they are."""


def fit_verdict_models(
    opened: OpenRun, train: ItemSet, validation: ItemSet, clips: ClipScores, tested: ItemSet, *, seed: int
) -> VerdictModels:
    """`clips`: scores of the clips of `validation`. `tested`: items of which only kinds and labels are counted."""
    return VerdictModels(
        evidence=_fit_parts(opened, validation, clips, seed),
        scope=_fit_scope(opened, train, validation, tested, seed),
    )


def _fit_parts(opened: OpenRun, validation: ItemSet, clips: ClipScores, seed: int) -> dict[Part, EvidenceModel]:
    logits = average_by_item(clips, opened.data)
    parts: dict[Part, tuple[NDArray[np.float64], list[bool | None]]] = {
        "all": (logits.fake, list(validation.is_fake.tolist())),
        "image": (logits.video, [row.video_fake for row in validation.rows]),
        "audio": (logits.audio, [row.audio_fake for row in validation.rows]),
    }
    return {part: _fit_part(validation, logit, fake, seed) for part, (logit, fake) in parts.items()}


def _fit_part(items: ItemSet, logit: NDArray[np.float64], fake: Sequence[bool | None], seed: int) -> EvidenceModel:
    """On the items with a logit whose part is known to be fake or genuine."""
    known = np.array([label is not None for label in fake], np.bool_) & np.isfinite(logit)
    chosen = items.only(known)
    is_fake = np.array([bool(label) for label in fake], np.bool_)[known]
    return fit_evidence(is_fake, logit[known], chosen.group, seed=seed)


def list_token_streams(opened: OpenRun) -> list[str]:
    """Encoders of the model whose tokens say whether a file is like those of the training."""
    names = opened.loaded.model.shape.streams
    return [name for name in names if opened.data.modality(name) in MODALITIES]


def average_streams(
    opened: OpenRun, names: Sequence[str], numbers: Sequence[int]
) -> dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Encoder -> (I, D) mean tokens of the items with these rising numbers, and (I,) whether there are any."""
    if not names:
        return {}
    means, has = average_tokens(opened.data, names, numbers)
    ends = np.cumsum(opened.data.widths(names))[:-1]
    return {
        name: (mean, has[:, place])
        for place, (name, mean) in enumerate(zip(names, np.split(means, ends, axis=1), strict=True))
    }


def _fit_scope(opened: OpenRun, train: ItemSet, validation: ItemSet, tested: ItemSet, seed: int) -> ScopeModel:
    numbers = opened.list_scorable()
    names = list_token_streams(opened)
    fitted = average_streams(opened, names, [numbers[row.media_id] for row in train.rows])
    spaces = [
        fit_token_space(name, opened.data.modality(name), mean[has], seed=seed) for name, (mean, has) in fitted.items()
    ]
    outcomes = load_outcomes(opened.media)
    reads_images = any(opened.data.modality(name) == "image" for name in names)
    known = [outcomes.get(row.media_id) for row in validation.rows]
    return fit_scope(
        train,
        validation,
        tested,
        [space for space in spaces if space],
        average_streams(opened, names, [numbers[row.media_id] for row in validation.rows]),
        [measure_faces(one) if one and reads_images else None for one in known],
    )
