"""Controls, to compare the model with: scores that do not look for manipulations, and a linear probe of the tokens.

Fitted on the same training items, thresholds from the same validation items, measured on the same test items.

N items of all splits, F features, E encoders, W width of their tokens
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.core.openmp import use_one_thread
from unmask.evaluation.control_features import average_tokens, build_audio_table, measure_item_audio
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.score_tables import Scorer, point_figures
from unmask.evaluation.sync.measure import FileSync
from unmask.manifests.audit.shortcut_classifier import Table, balance_classes, predict_per_dataset
from unmask.manifests.audit.text_classifier import predict_from_text
from unmask.manifests.header_features import encode_headers
from unmask.manifests.manifest import Split
from unmask.media.audio.silence import SILENCE_FEATURES
from unmask.metrics.calibration import fit_threshold
from unmask.train.data.token_data import TokenData

# A linear model on frozen tokens gains nothing from more, and a fit takes less than a minute.
MOST_TRAINING_ITEMS = 20_000
STRENGTHS = (0.001, 0.01, 0.1, 1.0)


def limit_training_items(items: ItemSet, split: Split, *, seed: int) -> ItemSet:
    """`items` with at most MOST_TRAINING_ITEMS to train on; validation and the evaluated `split` stay whole."""
    positions = np.flatnonzero((items.split == "train") & (split != "train"))
    kept = np.ones(len(items), np.bool_)
    surplus = len(positions) - MOST_TRAINING_ITEMS
    if surplus > 0:
        kept[np.random.default_rng(seed).choice(positions, surplus, replace=False)] = False
    return items.only(kept)


def fit_controls(known: ItemSet, shards: Sequence[Path], data: TokenData | None, *, seed: int) -> list[Scorer]:
    """Scores of every item of `known`, which contains all splits, by each control that reads one file.

    `shards`: media shards with the items. `data` None: without the controls that read audio or tokens.
    """
    audio = _score_audio(known, shards, seed) if data else []
    read = _score_tokens(known, data, seed) if data else []
    with use_one_thread():
        texts = [score_text(known)] if any(row.text is not None for row in known.rows) else []
        return [score_majority(known), *read[:1], score_headers(known, seed=seed), *audio, *texts, *read[1:]]


def _score_audio(known: ItemSet, shards: Sequence[Path], seed: int) -> list[Scorer]:
    measured = measure_item_audio(shards, {row.media_id: row for row in known.rows})
    audio = build_audio_table([row.media_id for row in known.rows], measured)
    with use_one_thread():
        return [
            score_silence(known, audio[:, : len(SILENCE_FEATURES)], seed=seed),
            score_level(known, audio[:, len(SILENCE_FEATURES) :], seed=seed),
        ]


def _score_tokens(known: ItemSet, data: TokenData, seed: int) -> list[Scorer]:
    """Modality mask and linear probe, fitted on the items with tokens and undefined for the others."""
    numbers = dict(zip(data.clips.media_id.tolist(), data.clips.item.tolist(), strict=True))
    has_tokens = np.array([row.media_id in numbers for row in known.rows], np.bool_)
    inner = known.only(has_tokens)
    if not (inner.split == "train").any():
        return []
    means, present = average_tokens(data, tuple(data.streams), [numbers[row.media_id] for row in inner.rows])
    with use_one_thread():
        mask = score_modality_mask(inner, present)
    # Its features are many: threads of BLAS help it.
    probe = score_mean_tokens(inner, means, present, seed=seed)
    return [_spread(mask, has_tokens), _spread(probe, has_tokens)]


def _spread(scorer: Scorer, has_tokens: NDArray[np.bool_]) -> Scorer:
    """`scorer` of the items that `has_tokens` (N,) names, for all N."""
    if has_tokens.all():
        return scorer
    score = np.full(len(has_tokens), 0.5)
    score[has_tokens] = scorer.score
    return replace(scorer, score=score, applies=has_tokens)


def score_majority(items: ItemSet) -> Scorer:
    """The share of fakes among the training items of the same dataset; of all of them for an unknown dataset."""
    train = items.split == "train"
    overall = _compute_share(items.is_fake[train])
    score = np.full(len(items), overall)
    for name in items.datasets:
        here = items.dataset == name
        if (here & train).any():
            score[here] = _compute_share(items.is_fake[here & train])
    cues = "each dataset's share of fakes"
    return Scorer("majority guess", "each dataset's share of fakes in training", score, 0.5, cues=cues)


def score_headers(items: ItemSet, *, seed: int) -> Scorer:
    """The shortcut classifier on file headers: size, codecs, rates, duration. One per dataset, as in the audit."""
    train, validation = items.split == "train", items.split == "val"
    values, is_name = encode_headers(items.rows, train)
    table = Table(
        values=values, is_name=np.array(is_name), is_fake=items.is_fake, group=items.group, dataset=items.dataset
    )
    score = predict_per_dataset(table, train, validation, seed)
    cues = "file size, codecs, frame rate and duration"
    return _make_scorer(items, "metadata only", "file size, codecs, rates, duration; nothing decoded", score, cues)


def score_silence(items: ItemSet, facts: NDArray[np.float64], *, seed: int) -> Scorer:
    """The shortcut classifier on duration and silent ends, `facts` (N, F)."""
    score, has_audio = _score_values(items, facts, seed)
    cues = "duration and silence at the ends of the recordings"
    return _make_scorer(items, "silence and duration", "duration and silent ends of the audio", score, cues, has_audio)


def score_text(items: ItemSet) -> Scorer:
    """The text classifier of the audit. Items without text get the training share of fakes."""
    texts = [row.text for row in items.rows]
    has_text = np.array([text is not None for text in texts], np.bool_)
    train = items.split == "train"
    score = np.full(len(items), _compute_share(items.is_fake[train]))
    chosen = items.only(has_text)
    fitted, everyone = chosen.split == "train", np.ones(len(chosen), np.bool_)
    weight = np.ones(len(chosen))
    weight[fitted] = balance_classes(chosen.dataset[fitted], chosen.is_fake[fitted])
    known = [text for text in texts if text is not None]
    score[has_text] = predict_from_text(known, chosen.is_fake, fitted, everyone, weight)
    cues = "the words and the length of the transcripts"
    return _make_scorer(items, "text only", "words and length of the transcripts", score, cues, has_text)


def score_level(items: ItemSet, values: NDArray[np.float64], *, seed: int) -> Scorer:
    """The shortcut classifier on level, bandwidth and sample rate, `values` (N, F)."""
    score, has_audio = _score_values(items, values, seed)
    cues = "loudness, highest frequency and sample rate of the audio"
    about = "loudness, peak, bandwidth and sample rate of the audio"
    return _make_scorer(items, "level and bandwidth", about, score, cues, has_audio)


def score_sync(items: ItemSet, found: Sequence[FileSync | None], *, seed: int) -> Scorer:
    """The shortcut classifier on how well mouth and audio fit in time; `found` of each item."""
    missing = (float("nan"),) * 4
    values = np.array([_list_sync(one) if one else missing for one in found], np.float64).reshape(-1, 4)
    score, compared = _score_values(items, values, seed)
    about = "offset and fit of mouth and audio by the sync encoder; genuine recordings fit better or worse by source"
    return _make_scorer(items, "sync", about, score, "how well mouth and audio fit in time", compared)


def _list_sync(found: FileSync) -> tuple[float, ...]:
    sync = found.sync
    return (abs(sync.offset_s), sync.peak, sync.fit, sync.tolerated)


def _score_values(
    items: ItemSet, values: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(N,) probability of fake from `values` (N, F), and which items have any.

    An item without (all NaN) gets the training share of fakes.
    """
    has_values = np.array(np.isfinite(values).any(axis=1), np.bool_)
    train, validation = (items.split == "train") & has_values, (items.split == "val") & has_values
    score = np.full(len(items), _compute_share(items.is_fake[items.split == "train"]))
    if train.any():
        is_name = np.zeros(values.shape[1], np.bool_)
        table = Table(values=values, is_name=is_name, is_fake=items.is_fake, group=items.group, dataset=items.dataset)
        score[has_values] = predict_per_dataset(table, train, validation, seed)[has_values]
    return score, has_values


def score_modality_mask(items: ItemSet, present: NDArray[np.bool_]) -> Scorer:
    """The smoothed share of fakes among training items with the same modalities; `present` is (N, E)."""
    masks = np.unique(present, axis=0, return_inverse=True)[1].reshape(-1)
    train = items.split == "train"
    prior, score = _compute_share(items.is_fake[train]), np.zeros(len(items))
    for mask in np.unique(masks):
        here = masks == mask
        labels = items.is_fake[here & train]
        score[here] = (labels.sum() + 2 * prior) / (len(labels) + 2)
    cues = "which modalities an item has (image, audio, text)"
    return _make_scorer(items, "modality mask only", "which modalities exist, not their content", score, cues)


def score_mean_tokens(items: ItemSet, means: NDArray[np.float32], present: NDArray[np.bool_], *, seed: int) -> Scorer:
    """Logistic regression on the mean token of each encoder, strength chosen on validation.

    `means` (N, E * W), 0 where `present` (N, E) is False; the flags are features too.
    """
    features = np.column_stack([means, present.astype(np.float32)])
    fits = [_predict_logistic(items, features, strength, seed) for strength in STRENGTHS]
    validation = items.split == "val"
    worth = [_average_auc(items.only(validation), score[validation]) for score in fits]
    about = "logistic regression on each encoder's mean token: reads the content, without fusion"
    probe = _make_scorer(items, "linear probe", about, fits[int(np.argmax(worth))], "the mean tokens")
    return replace(probe, reads_content=True)


def _make_scorer(
    items: ItemSet,
    name: str,
    about: str,
    score: NDArray[np.float64],
    cues: str,
    applies: NDArray[np.bool_] | None = None,
) -> Scorer:
    chosen = items.split == "val" if applies is None else (items.split == "val") & applies
    threshold = fit_threshold(items.is_fake[chosen], score[chosen])
    return Scorer(name, about, score, threshold, applies, cues)


def _predict_logistic(items: ItemSet, features: NDArray[np.float32], strength: float, seed: int) -> NDArray[np.float64]:
    """(N,) probability of fake from a model fitted on the training items; their share of fakes with one class."""
    chosen = items.split == "train"
    labels = items.is_fake[chosen]
    if len(np.unique(labels)) < 2:
        return np.full(len(items), _compute_share(labels))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500, random_state=seed))
    weight = balance_classes(items.dataset[chosen], labels)
    model.fit(features[chosen], labels, logisticregression__sample_weight=weight)
    score: NDArray[np.float64] = model.predict_proba(features)[:, 1].astype(np.float64)
    return score


def _average_auc(items: ItemSet, score: NDArray[np.float64]) -> float:
    """Mean AUC over the datasets with both classes; over all items if there is none; 0.5 without either."""
    parts = [items.dataset == name for name in items.datasets]
    aucs = [point_figures(items.is_fake[part], score[part], 0.5)["auc"] for part in parts]
    values = [value for value in aucs if value is not None]
    if not values and len(items):
        pooled = point_figures(items.is_fake, score, 0.5)["auc"]
        values = [] if pooled is None else [pooled]
    return float(np.mean(values)) if values else 0.5


def _compute_share(is_fake: NDArray[np.bool_]) -> float:
    return float(is_fake.mean()) if len(is_fake) else 0.5
