"""Metrics and likelihood ratios against the reference packages, where they are importable, on random sets.

    python -m benchmarks.reference_metrics [SETS]

Compares with `lir` (Cllr, Cllr_min, the ELUB bounds), with the functions of ASVspoof 5's evaluation package (its folder
`evaluation-package` on PYTHONPATH: minDCF, actDCF, Cllr) and with scikit-learn (TPR at a given FPR, Brier). None of
them but scikit-learn is a dependency. Prints the largest difference per metric; exits with 1 beyond TOLERANCE.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_curve

from unmask.metrics.binary import brier_score
from unmask.metrics.likelihood_ratios import find_bounds, measure_cllr, measure_minimum_cllr
from unmask.metrics.operating_points import (
    COST_FALSE_ACCEPTANCE,
    COST_MISS,
    P_SPOOF,
    actual_detection_cost,
    minimum_detection_cost,
    tpr_at_fpr,
)

SETS = 200
TOLERANCE = 1e-6
# `lir` looks for bounds at thresholds 0.01 apart, in powers of ten, and can step over a narrow gap; ours are those of
# every threshold. So the bounds themselves are shown without a limit, and its costs are compared on both sides of ours.
GRID = "ELUB on its grid"

Set = tuple[NDArray[np.bool_], NDArray[np.float64]]
"""(is_fake (N,), LLR of fake (N,))"""
Difference = tuple[str, float]
"""Name of the metric and its absolute difference on one set."""


def draw_sets(count: int) -> Iterator[Set]:
    """4 to 2,000 items of both classes: any share of fakes, skill and scale; rounded LLRs, so with ties, in a third."""
    for seed in range(count):
        random = np.random.default_rng(seed)
        size = int(random.integers(4, 2000))
        fakes = int(np.clip(random.beta(1, 1) * size, 2, size - 2))
        fake = random.permutation(size) < fakes
        llr = random.uniform(0.2, 4) * (random.normal(size=size) + random.uniform(-0.5, 4) * (fake - 0.5))
        yield fake, np.round(llr, 1) if seed % 3 == 0 else llr


def compare_sklearn(fake: NDArray[np.bool_], llr: NDArray[np.float64]) -> Iterator[Difference]:
    alarms, hits, _ = roc_curve(fake, llr, drop_intermediate=False)
    for most in (0.01, 0.05):
        yield f"TPR at {most:.0%} FPR", abs(tpr_at_fpr(fake, llr, most) - hits[alarms <= most].max())
    probability = 1 / (1 + np.exp(-llr))
    yield "Brier", abs(brier_score(fake, probability) - brier_score_loss(fake, probability))


def compare_asvspoof(fake: NDArray[np.bool_], llr: NDArray[np.float64]) -> Iterator[Difference]:
    """ASVspoof's target is bona fide: the classes and the sign are swapped."""
    package = importlib.import_module("calculate_modules")
    bona_fide, spoof = -llr[~fake], -llr[fake]
    costs = (P_SPOOF, COST_MISS, COST_FALSE_ACCEPTANCE)
    rejected, accepted, thresholds = package.compute_det_curve(bona_fide, spoof)
    least = package.compute_mindcf(rejected, accepted, thresholds, *costs)[0]
    yield "minDCF", abs(minimum_detection_cost(fake, llr) - least)
    yield "actDCF", abs(actual_detection_cost(fake, llr) - package.compute_actDCF(bona_fide, spoof, *costs)[0])
    yield "Cllr", abs(measure_cllr(fake, llr) - package.calculate_CLLR(bona_fide, spoof))


def compare_lir(fake: NDArray[np.bool_], llr: NDArray[np.float64]) -> Iterator[Difference]:
    metrics, models = importlib.import_module("lir.metrics"), importlib.import_module("lir.data.models")
    log10, labels = llr / math.log(10), fake.astype(int)
    data = models.LLRData(features=log10, labels=labels)
    yield "Cllr", abs(measure_cllr(fake, llr) - metrics.cllr(data))
    yield "Cllr_min", abs(measure_minimum_cllr(fake, llr) - metrics.cllr_min(data))
    bayes = importlib.import_module("lir.algorithms.bayeserror")
    ours = np.array(find_bounds(fake, llr)) / math.log(10)
    inside = np.linspace(*ours, 400)[1:-1] if ours[0] < ours[1] else np.zeros(0)
    outside = ours + np.array([-1e-7, 1e-7])
    yield "ELUB inside", max(0.0, float((1 - _compare_utility(bayes, log10, labels, inside)).max(initial=0)))
    yield "ELUB beyond", max(0.0, float((_compare_utility(bayes, log10, labels, outside) - 1).max()))
    yield GRID, float(np.abs(ours - np.array(bayes.elub(log10.copy(), labels))).max())


def _compare_utility(
    bayes: Any, log10: NDArray[np.float64], labels: NDArray[np.int_], threshold: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Cost of never using the LRs over that of using them, with a misleading item per class; supported from 1 on."""
    if not len(threshold):
        return np.ones(0)
    neutral = bayes.calculate_expected_utility(np.ones(len(log10)), labels, 10**threshold)
    system = bayes.calculate_expected_utility(10**log10, labels, 10**threshold, add_misleading=1)
    return np.asarray(neutral / system, np.float64)


REFERENCES: dict[str, tuple[str, Callable[[NDArray[np.bool_], NDArray[np.float64]], Iterator[Difference]]]] = {
    "scikit-learn": ("sklearn", compare_sklearn),
    "ASVspoof 5": ("calculate_modules", compare_asvspoof),
    "lir": ("lir.metrics", compare_lir),
}
"""Name -> module that must be importable, comparison of one set."""


def compare_all(count: int) -> dict[tuple[str, str], float]:
    """(reference, metric) -> largest difference over `count` sets; references that are not importable are left out."""
    largest: dict[tuple[str, str], float] = {}
    for reference, (module, compare) in REFERENCES.items():
        if not _can_import(module):
            print(f"{reference}: not importable, left out")
            continue
        for fake, llr in draw_sets(count):
            for metric, difference in compare(fake, llr):
                largest[reference, metric] = max(largest.get((reference, metric), 0.0), float(difference))
    return largest


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else SETS
    largest = compare_all(count)
    for (reference, metric), difference in largest.items():
        print(f"{reference:14s} {metric:16s} largest difference on {count} sets {difference:.1e}")
    return int(any(not difference <= TOLERANCE for (_, metric), difference in largest.items() if metric != GRID))


def _can_import(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
