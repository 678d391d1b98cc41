"""The table: AUC of unmoved against moved audio, and how often the lag is found, with intervals over sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.sync.measure import (
    SHIFTS_S,
    WAYS,
    Curve,
    measure_fit_shift,
    measure_shift,
    measure_tolerant_shift,
    resample_sources,
    share_found,
)
from benchmarks.sync.models import ROWS, SplitFigures
from benchmarks.sync.sets import GENERATED, REAL
from unmask.cache.sync.comparison import MAX_LAG_S, TOLERANCE
from unmask.cache.sync.settings import SyncSettings
from unmask.metrics.repeated_splits import average_splits
from unmask.preprocess.profiles import MOUTH_FPS

FEWEST = 5
"""Sources that a dataset needs for a row of its own."""
FIGURES: dict[str, Callable[[NDArray[np.float32]], float]] = {
    **{f"AUC {shift:g} s": partial(measure_shift, shift_s=shift) for shift in SHIFTS_S},
    "AUC 0.4 s, fit": partial(measure_fit_shift, shift_s=0.4),
    "AUC 0.4 s, tolerant": partial(measure_tolerant_shift, shift_s=0.4),
    "lag within 1": partial(share_found, within=1),
    "lag within 2": partial(share_found, within=2),
}


def format_table(curves: Sequence[Curve], *, folds: str, settings: SyncSettings) -> str:
    """`folds`: in words."""
    lines = [
        f"{folds}, {settings.steps} steps, seed {settings.seed}; 95 % intervals over sources",
        "",
        f"| clips | sources | | {' | '.join(FIGURES)} |",
        "|---|---|---|" + "---|" * len(FIGURES),
    ]
    for name, chosen in list_sets(curves).items():
        for way in WAYS:
            mine = [one for one in chosen if one.way == way]
            if not mine:
                continue
            sources = len({one.group for one in mine})
            lines.append(f"| {len(mine)} {name} | {sources} | {way} | {' | '.join(_format(mine))} |")
    tolerance = TOLERANCE / MOUTH_FPS
    lines += [
        "",
        "AUC: mean cosine of mouth and audio at no lag against the same clips with the audio moved, both ways. "
        "Fit: how far that stands out from all lags of the clip, in standard deviations. "
        f"Tolerant: the best lag within {tolerance:g} s of it, as a constant offset of the file is tolerated. "
        f"Lag within 1 and 2: share of the clips whose best lag within {MAX_LAG_S:g} s is at most so many frames "
        "from 0.",
        "",
    ]
    return "\n".join(lines)


def list_sets(curves: Sequence[Curve]) -> dict[str, list[Curve]]:
    """All real ones, all with a generated or swapped face, and each dataset of at least FEWEST sources by itself."""
    sets = {}
    for kind in (REAL, GENERATED):
        all_of_it = [one for one in curves if one.set == kind]
        if all_of_it:
            sets[kind] = all_of_it
        for dataset in sorted({one.dataset for one in all_of_it}):
            mine = [one for one in all_of_it if one.dataset == dataset]
            if len({one.group for one in mine}) >= FEWEST:
                sets[f"{kind}, {dataset}"] = mine
    return sets


def _format(curves: Sequence[Curve]) -> list[str]:
    values = np.stack([one.values for one in curves])
    samples = resample_sources(curves)
    cells = []
    for figure in FIGURES.values():
        low, high = np.nanpercentile([figure(values[rows]) for rows in samples], [2.5, 97.5])
        cells.append(f"{figure(values):.3f} [{low:.2f}, {high:.2f}]")
    return cells


def format_models(figures: Sequence[SplitFigures]) -> str:
    """Mean over splits, and the paired difference with the interval of Nadeau and Bengio (2003): of all test videos,
    and of each dataset by the same scores, over the splits in whose test part it has both classes."""
    with_it, without = (sorted((one for one in figures if one.row == row), key=lambda one: one.seed) for row in ROWS)
    datasets = sorted({score.dataset for one in figures for score in one.scores})
    fits = [one.fits for one in with_it if not np.isnan(one.fits)]
    lines = [
        "full, trained on videos, with and without the sync encoder; AUC on test videos with a mouth and audio",
        "",
        "| test videos | splits | per split | with | without | difference |",
        "|---|---|---|---|---|---|",
        *filter(None, (_format_set(with_it, without, dataset) for dataset in (None, *datasets))),
        "",
    ]
    if fits:
        lines.append(f"The head that says whether mouth and audio fit: AUC {np.mean(fits):.3f} on genuine test clips.")
    return "\n".join([*lines, ""])


def _format_set(with_it: Sequence[SplitFigures], without: Sequence[SplitFigures], dataset: str | None) -> str | None:
    """None for a dataset that never has both classes."""
    pairs = [(a, b) for a, b in zip(with_it, without, strict=True) if not np.isnan(a.measure_auc(dataset))]
    if not pairs:
        return None
    items = np.mean([len(a.select(dataset)) for a, _ in pairs])
    areas = np.array([[one.measure_auc(dataset) for one in pair] for pair in pairs])
    told = _format_difference((areas[:, 0] - areas[:, 1]).tolist(), float(np.mean([a.share for a, _ in pairs])))
    means = " | ".join(f"{area:.3f}" for area in areas.mean(axis=0).tolist())
    return f"| {dataset or 'all'} | {len(pairs)} | {items:.1f} | {means} | {told} |"


def _format_difference(values: Sequence[float], share: float) -> str:
    found = average_splits(values, share)
    return f"{found.mean:+.3f} ± {found.half_width:.3f}"
