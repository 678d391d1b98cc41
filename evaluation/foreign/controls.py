"""Controls beside the scores of another system, fitted on the work folder's own items.

N items of all splits
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unmask.cache.stage import open_tokens
from unmask.cache.store.profile_index import ProfileTokens
from unmask.core.errors import MissingInput
from unmask.core.openmp import use_one_thread
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.control_features import average_tokens, build_audio_table, measure_item_audio
from unmask.evaluation.controls import (
    score_headers,
    score_level,
    score_majority,
    score_mean_tokens,
    score_modality_mask,
    score_silence,
    score_text,
)
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.score_tables import Scorer
from unmask.manifests.manifest import Manifest
from unmask.media.audio.silence import SILENCE_FEATURES
from unmask.train.data.token_data import TokenData

NO_TOKENS = (
    "Not compared with the controls that read audio or tokens (silence, level, modalities, linear probe): "
    "the work folder has no tokens of these files. Run `unmask preprocess` and `unmask extract`."
)


def open_last_tokens(work: WorkFolder, manifest: Manifest) -> ProfileTokens | None:
    """Tokens of the profile that was extracted last; None where they are missing or do not fit the files."""
    try:
        return open_tokens(work, manifest)
    except MissingInput:
        return None


def fit_controls(
    work: WorkFolder, manifest: Manifest, tokens: ProfileTokens | None, known: ItemSet, *, seed: int
) -> list[Scorer]:
    """Scores of every item of `known`, which contains all splits, by each control that the work folder allows."""
    with use_one_thread():
        controls = [score_majority(known), score_headers(known, seed=seed)]
        if any(row.text is not None for row in known.rows):
            controls.append(score_text(known))
    if tokens is None:
        return controls
    folder = work.media / tokens.media
    measured = measure_item_audio([folder / name for name in tokens.shards], {row.media_id: row for row in known.rows})
    audio = build_audio_table([row.media_id for row in known.rows], measured)
    with use_one_thread():
        controls.append(score_silence(known, audio[:, : len(SILENCE_FEATURES)], seed=seed))
        controls.append(score_level(known, audio[:, len(SILENCE_FEATURES) :], seed=seed))
    return [*controls, *_score_tokens(TokenData.load(manifest, tokens), known, seed)]


def _score_tokens(data: TokenData, known: ItemSet, seed: int) -> list[Scorer]:
    """Controls on tokens, fitted on the items that have some and undefined for the others."""
    numbers = dict(zip(data.clips.media_id.tolist(), data.clips.item.tolist(), strict=True))
    has_tokens = np.array([row.media_id in numbers for row in known.rows], np.bool_)
    inner = known.only(has_tokens)
    if not (inner.split == "train").any():
        return []
    names = tuple(data.streams)
    means, present = average_tokens(data, names, [numbers[row.media_id] for row in inner.rows])
    with use_one_thread():
        mask = score_modality_mask(inner, present)
    return [_spread(one, has_tokens) for one in (mask, score_mean_tokens(inner, means, present, seed=seed))]


def _spread(scorer: Scorer, has_tokens: NDArray[np.bool_]) -> Scorer:
    """`scorer` of the items that `has_tokens` (N,) names, for all N."""
    if has_tokens.all():
        return scorer
    score = np.full(len(has_tokens), 0.5)
    score[has_tokens] = scorer.score
    return replace(scorer, score=score, applies=has_tokens)
