"""How well features other than content predict the label: cross-validated over groups, per dataset or over all.

A line is "flagged" as a shortcut when its cross-validated AUC is above FLAG_ABOVE (0.6), the lower end of its LEVEL
(99 %) bootstrap interval over groups is above 0.5, and each class has at least FLAG_GROUPS (5) groups; it is
"suspect" when only the first holds, "clear" when the AUC is not above 0.6, and "untested" when there are too few groups
to hold any out, or no feature that varies. `results.RULE` is this rule for readers of the page.

N files, R repeats of the folds
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unmask.manifests.audit.cross_validation import FEWEST, Folds, make_folds
from unmask.manifests.audit.feature_families import EVERYTHING, FAMILIES, OF_AUDIO, Features
from unmask.manifests.audit.results import FLAG_ABOVE, FLAG_GROUPS, LEVEL, FeatureLine, ProbeLine, Verdict
from unmask.manifests.audit.shortcut_classifier import Table, is_varying, predict_fake
from unmask.metrics.bootstrap import compute_interval, compute_weighted_auc, resample_statistic

BY_FILE = "too few groups, or one group with nearly all files: single files are held out instead"
TOO_FEW = f"fewer than {FEWEST} groups and files of a class: nothing can be held out"

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Scores = Callable[[Flags, Flags], Floats]
"""(N,) training items, (N,) held-out items -> scores of the latter."""


def decide_verdict(auc: float, span: tuple[float, float] | None, groups: tuple[int, int]) -> Verdict:
    """By the rule above."""
    if auc <= FLAG_ABOVE:
        return "clear"
    return "flagged" if span and span[0] > 0.5 and min(groups) >= FLAG_GROUPS else "suspect"


def probe_dataset(
    features: Features,
    is_fake: Flags,
    group: NDArray[np.str_],
    has_audio: Flags,
    seed: int,
    split: NDArray[np.str_] | None = None,
) -> tuple[tuple[ProbeLine, ...], tuple[FeatureLine, ...]]:
    """One line per family, "all metadata" last, and one per feature. `has_audio` and `split` (N,)."""
    everyone = np.ones(len(is_fake), np.bool_)
    everyone_folds, audio_folds = (
        make_folds(is_fake[rows], group[rows], seed, None if split is None else split[rows]) if rows.any() else None
        for rows in (everyone, has_audio)
    )
    single = probe_features(features, is_fake, everyone_folds, seed)
    probes = []
    for name, (members, about) in FAMILIES.items():
        rows, folds = (has_audio, audio_folds) if name in OF_AUDIO else (everyone, everyone_folds)
        if not rows.any():
            probes.append(ProbeLine(name=name, about=about, note="no file has audio"))
            continue
        family = features.restrict(members, rows)
        alone = [line for line in single if line.name in members]
        if name in OF_AUDIO and not has_audio.all():
            alone = list(probe_features(family, is_fake[has_audio], folds, seed))
        probes.append(_probe_family(name, about, family, is_fake[rows], folds, alone, seed))
    all_of_them = _probe_family(EVERYTHING, "all features together", features, is_fake, everyone_folds, single, seed)
    return (*probes, all_of_them), single


def _probe_family(
    name: str,
    about: str,
    features: Features,
    is_fake: Flags,
    folds: Folds | None,
    alone: Sequence[FeatureLine],
    seed: int,
) -> ProbeLine:
    best = max((line for line in alone if line.auc is not None), key=lambda line: line.auc or 0.0, default=None)
    if folds is not None and not any(is_varying(column) for column in features.values.T):
        constant = [line for line in alone if line.constant is not None]
        same = "all files have the same: " + ", ".join(f"{line.name} {line.constant}" for line in constant)
        return _make_untested(name, about, is_fake, same if constant else "no file has any")
    return probe(name, about, is_fake, folds, _make_scores(features.values, features.is_name, folds, seed), best, seed)


def _make_scores(values: Floats, is_name: Flags, folds: Folds | None, seed: int) -> Scores:
    """The shortcut classifier on the columns `values` (N, F)."""

    def score(train: Flags, test: Flags) -> Floats:
        assert folds is not None
        dataset = np.full(len(values), "", np.str_)
        table = Table(values=values, is_name=is_name, is_fake=folds.is_fake, group=folds.unit, dataset=dataset)
        return predict_fake(table, train, test, seed)

    return score


def probe(
    name: str,
    about: str,
    is_fake: Flags,
    folds: Folds | None,
    scores: Scores,
    best: FeatureLine | None,
    seed: int,
) -> ProbeLine:
    """One line with its interval and verdict."""
    if folds is None:
        return _make_untested(name, about, is_fake, TOO_FEW)
    held_out = predict_held_out(folds, scores)
    auc = float(folds.auc(held_out)[0])
    groups = folds.count_units()
    if not np.isfinite(auc):
        return _make_untested(name, about, is_fake, TOO_FEW)
    draws = resample_statistic(folds.unit, lambda weights: folds.auc(held_out, weights)[:, None], seed=seed)[:, 0]
    span = compute_interval(draws, auc, is_fake, folds.unit, LEVEL)
    return replace(
        _make_untested(name, about, is_fake, BY_FILE if folds.by_file else ""),
        groups=groups,
        auc=auc,
        interval=span,
        verdict=decide_verdict(auc, span, groups),
        best=best,
        splits=folds.auc_by_split(held_out),
    )


def predict_held_out(folds: Folds, scores: Scores) -> Floats:
    """(R, N) scores of every item by a classifier that was not fitted on its group."""
    held_out = np.zeros(folds.fold.shape)
    for repeat in range(len(folds.fold)):
        for train, test in folds.splits(repeat):
            held_out[repeat, test] = scores(train, test)
    return held_out


def probe_features(features: Features, is_fake: Flags, folds: Folds | None, seed: int) -> tuple[FeatureLine, ...]:
    """Every feature that any file has, by itself: the best first, constant ones last."""
    lines = [
        _probe_feature(features, column, is_fake, folds, seed)
        for column in range(len(features.names))
        if np.isfinite(features.values[:, column]).any()
    ]
    return tuple(sorted(lines, key=lambda line: (line.auc is None, -(line.auc or 0.0), line.name)))


def _probe_feature(features: Features, column: int, is_fake: Flags, folds: Folds | None, seed: int) -> FeatureLine:
    name, values, is_name = features.names[column], features.values[:, [column]], features.is_name[[column]]
    present = np.isfinite(values[:, 0])
    files, constant = int(present.sum()), features.find_constant(column)
    if constant is not None or folds is None:
        return FeatureLine(name=name, files=files, auc=None, direct=None, constant=constant)
    auc = float(folds.auc(predict_held_out(folds, _make_scores(values, is_name, folds, seed)))[0])
    direct = None
    if not is_name[0] and is_fake[present].any() and not is_fake[present].all():
        direct = float(compute_weighted_auc(is_fake[present], values[present, 0], np.ones((1, files)))[0])
    return FeatureLine(name=name, files=files, auc=auc if np.isfinite(auc) else None, direct=direct)


def probe_shares(
    name: str, about: str, is_fake: Flags, code: NDArray[np.int64], folds: Folds | None, seed: int
) -> ProbeLine:
    """The smoothed share of fakes among training files with the same `code` (N,), 0..P-1."""
    count = int(code.max()) + 1 if len(code) else 0

    def score(train: Flags, test: Flags) -> Floats:
        prior = is_fake[train].mean()
        files, fakes = (np.bincount(code[rows], minlength=count) for rows in (train, train & is_fake))
        shares: Floats = (fakes + 2 * prior) / (files + 2)
        return shares[code[test]]

    return probe(name, about, is_fake, folds, score, None, seed)


def _make_untested(name: str, about: str, is_fake: Flags, note: str) -> ProbeLine:
    return ProbeLine(name=name, about=about, real=int((~is_fake).sum()), fake=int(is_fake.sum()), note=note)
