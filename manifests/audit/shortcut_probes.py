"""How well facts that are not content tell the label: cross-validated over groups, within one dataset or over all.

A line is "flagged" as a shortcut when its cross-validated AUC is above FLAG_ABOVE (0.6), the lower end of its LEVEL
(99 %) bootstrap interval over groups is above 0.5, and each class has at least FLAG_GROUPS (5) groups; it is
"suspect" when only the first holds, "clear" when the AUC is not above 0.6, and "untested" when there are too few groups
to hold any out, or no fact that differs. `results.RULE` says the same to the reader of a page.

N files, R repeats of the folds
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unmask.manifests.audit.classifiers import held_out_scores
from unmask.manifests.audit.cross_validation import FEWEST, Folds, make_folds
from unmask.manifests.audit.feature_families import EVERYTHING, FAMILIES, SILENCE, Features
from unmask.manifests.audit.results import FLAG_ABOVE, FLAG_GROUPS, LEVEL, FeatureLine, ProbeLine, Verdict
from unmask.metrics.bootstrap import compute_interval, compute_weighted_auc, resample_statistic

BY_FILE = "too few groups, or one of them with nearly all files: single files are held out instead"
TOO_FEW = f"fewer than {FEWEST} groups and files of a class: nothing can be held out"

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Scores = Callable[[Flags, Flags], Floats]
"""(N,) training items, (N,) held-out items -> scores of the latter."""


def verdict_of(auc: float, span: tuple[float, float] | None, groups: tuple[int, int]) -> Verdict:
    """By the rule above."""
    if auc <= FLAG_ABOVE:
        return "clear"
    return "flagged" if span and span[0] > 0.5 and min(groups) >= FLAG_GROUPS else "suspect"


def dataset_probes(
    facts: Features, is_fake: Flags, group: NDArray[np.str_], sounding: Flags, seed: int
) -> tuple[tuple[ProbeLine, ...], tuple[FeatureLine, ...]]:
    """The families, all metadata last, and every single fact. `sounding` (N,): files with sound."""
    everyone = np.ones(len(is_fake), np.bool_)
    everyone_folds, sounding_folds = (
        make_folds(is_fake[part], group[part], seed) if part.any() else None for part in (everyone, sounding)
    )
    single = feature_lines(facts, is_fake, everyone_folds, seed)
    probes = []
    for name, (members, about) in FAMILIES.items():
        part, folds = (sounding, sounding_folds) if name == SILENCE else (everyone, everyone_folds)
        if not part.any():
            probes.append(ProbeLine(name=name, about=about, note="no file has sound"))
            continue
        alone = [line for line in single if line.name in members]
        if name == SILENCE and not sounding.all():
            alone = list(feature_lines(_part(facts, members, sounding), is_fake[sounding], folds, seed))
        probes.append(_family(name, about, _part(facts, members, part), is_fake[part], folds, alone, seed))
    all_of_them = _family(EVERYTHING, "all facts together", facts, is_fake, everyone_folds, single, seed)
    return (*probes, all_of_them), single


def _part(facts: Features, names: Sequence[str], rows: Flags) -> Features:
    columns = facts.columns(names)
    words = {
        name: [word for word, kept in zip(values, rows.tolist(), strict=True) if kept]
        for name, values in facts.words.items()
        if name in names
    }
    kept = tuple(facts.names[column] for column in columns)
    return Features(kept, facts.values[rows][:, columns], facts.named[columns], words)


def _family(
    name: str,
    about: str,
    facts: Features,
    is_fake: Flags,
    folds: Folds | None,
    alone: Sequence[FeatureLine],
    seed: int,
) -> ProbeLine:
    best = max((line for line in alone if line.auc is not None), key=lambda line: line.auc or 0.0, default=None)
    columns = [column for column in range(len(facts.names)) if _differs(facts.values[:, column])]
    if folds is not None and not columns:
        given = [line for line in alone if line.constant is not None]
        same = "all files have the same: " + ", ".join(f"{line.name} {line.constant}" for line in given)
        note = same if given else "no file has any"
        return _untested(name, about, is_fake, note)
    values, named = facts.values[:, columns], facts.named[columns]

    def scores(train: Flags, test: Flags) -> Floats:
        return held_out_scores(values, named, is_fake, train, test, seed)

    return probe(name, about, is_fake, folds, scores, best, seed)


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
        return _untested(name, about, is_fake, TOO_FEW)
    given = crossed(folds, scores)
    auc = float(folds.auc(given)[0])
    groups = folds.units()
    if not np.isfinite(auc):
        return _untested(name, about, is_fake, TOO_FEW)
    draws = resample_statistic(folds.unit, lambda weights: folds.auc(given, weights)[:, None], seed=seed)[:, 0]
    span = compute_interval(draws, auc, is_fake, folds.unit, LEVEL)
    return replace(
        _untested(name, about, is_fake, BY_FILE if folds.by_file else ""),
        groups=groups,
        auc=auc,
        interval=span,
        verdict=verdict_of(auc, span, groups),
        best=best,
    )


def crossed(folds: Folds, scores: Scores) -> Floats:
    """(R, N) scores of every item by a model that has not seen its group."""
    found = np.zeros(folds.fold.shape)
    for repeat in range(len(folds.fold)):
        for train, test in folds.splits(repeat):
            found[repeat, test] = scores(train, test)
    return found


def feature_lines(facts: Features, is_fake: Flags, folds: Folds | None, seed: int) -> tuple[FeatureLine, ...]:
    """Every fact that any file has, by itself: the best first, constant ones last."""
    lines = [
        _feature(facts, column, is_fake, folds, seed)
        for column in range(len(facts.names))
        if np.isfinite(facts.values[:, column]).any()
    ]
    return tuple(sorted(lines, key=lambda line: (line.auc is None, -(line.auc or 0.0), line.name)))


def _feature(facts: Features, column: int, is_fake: Flags, folds: Folds | None, seed: int) -> FeatureLine:
    name, values = facts.names[column], facts.values[:, [column]]
    present = np.isfinite(values[:, 0])
    files, constant = int(present.sum()), facts.constant(column)
    if constant is not None or folds is None:
        return FeatureLine(name=name, files=files, auc=None, direct=None, constant=constant)
    named = facts.named[[column]]
    given = crossed(folds, lambda train, test: held_out_scores(values, named, is_fake, train, test, seed))
    auc = float(folds.auc(given)[0])
    direct = None
    if not named[0] and is_fake[present].any() and not is_fake[present].all():
        direct = float(compute_weighted_auc(is_fake[present], values[present, 0], np.ones((1, files)))[0])
    return FeatureLine(name=name, files=files, auc=auc if np.isfinite(auc) else None, direct=direct)


def share_probe(
    name: str, about: str, is_fake: Flags, pattern: NDArray[np.int64], folds: Folds | None, seed: int
) -> ProbeLine:
    """The smoothed share of fakes among training files of the same `pattern` (N,), 0..P-1."""
    count = int(pattern.max()) + 1 if len(pattern) else 0

    def scores(train: Flags, test: Flags) -> Floats:
        prior = is_fake[train].mean()
        all_of, fakes = (
            np.bincount(pattern[train], minlength=count),
            np.bincount(pattern[train & is_fake], minlength=count),
        )
        shares: Floats = (fakes + 2 * prior) / (all_of + 2)
        return shares[pattern[test]]

    return probe(name, about, is_fake, folds, scores, None, seed)


def _differs(column: Floats) -> bool:
    found = column[np.isfinite(column)]
    return bool(len(found) and (len(found) < len(column) or (found != found[0]).any()))


def _untested(name: str, about: str, is_fake: Flags, note: str) -> ProbeLine:
    return ProbeLine(name=name, about=about, real=int((~is_fake).sum()), fake=int(is_fake.sum()), note=note)
