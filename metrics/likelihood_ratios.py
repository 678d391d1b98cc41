"""Log-likelihood ratios (LLRs) of logits: how much a score supports "fake" against "real", without any prior odds.

LLR = ln p(score | fake) - ln p(score | real), a natural logarithm: above 0 it supports fake. ASVspoof's log-likelihood
ratios are for bona fide, so they are ours times -1. Divide by ln 10 for the log10 LR of forensic reports.

N items, B resamples
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Method = Literal["temperature", "platt", "isotonic"]
Transform = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodModel:
    """Turns logits into LLRs that the items it was fitted on can support."""

    method: Method
    transform: Transform
    """(N,) logits -> (N,) LLRs without bounds."""
    lowest: float
    highest: float
    """Bounds of the LLR, at most 0 and at least 0: see `find_bounds`."""

    def __call__(self, logit: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,) logits -> (N,) LLRs within the bounds."""
        return np.clip(self.transform(logit), self.lowest, self.highest)


def fit_likelihood_models(
    is_fake: NDArray[np.bool_], logit: NDArray[np.float64], *, temperature: float, prior_log_odds: float
) -> tuple[LikelihoodModel, ...]:
    """One model per method, with the bounds that its LLRs of these items (N,) support; both classes are needed.

    `temperature` of the run, and the log odds of fake among the items that it was trained to give probabilities for.
    """
    transforms: dict[Method, Transform] = {
        "temperature": lambda values: values / temperature - prior_log_odds,
        "platt": fit_platt(is_fake, logit),
        "isotonic": fit_isotonic(is_fake, logit),
    }
    models = []
    for method, transform in transforms.items():
        lowest, highest = find_bounds(is_fake, transform(logit))
        models.append(LikelihoodModel(method=method, transform=transform, lowest=lowest, highest=highest))
    return tuple(models)


def fit_platt(is_fake: NDArray[np.bool_], logit: NDArray[np.float64]) -> Transform:
    """LLR = a * logit + b with a >= 0 (Platt 1999), each class weighing one half, so that the prior odds are 1.

    The targets are Platt's, (n + 1) / (n + 2) for a class of n items instead of 1: separable classes have a finite fit.
    """
    target, weight = _smooth_targets(is_fake), _balance(is_fake)
    center, spread = float(logit.mean()), float(logit.std()) or 1.0
    scaled = (logit - center) / spread

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        fitted = parameters[0] * scaled + parameters[1]
        error = weight * (_expit(fitted) - target)
        value = float(weight @ (np.logaddexp(0.0, fitted) - target * fitted))
        return value, np.array([error @ scaled, error.sum()])

    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500}
    from scipy.optimize import minimize  # here, because a prediction would wait for it and not use it

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=[(0, None), (None, None)], options=options)
    slope, offset = found.x.tolist()
    return lambda values: slope * (values - center) / spread + offset


def fit_isotonic(is_fake: NDArray[np.bool_], logit: NDArray[np.float64]) -> Transform:
    """LLR by the pool-adjacent-violators algorithm (Zadrozny and Elkan 2002), each class weighing one half.

    Interpolated between the items. Infinite beyond the last item of the other class: `find_bounds` limits it.
    """
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    model.fit(logit, is_fake.astype(np.float64), sample_weight=_balance(is_fake))
    return lambda values: _log_odds(np.asarray(model.predict(values), np.float64))


def find_bounds(is_fake: NDArray[np.bool_], llr: NDArray[np.float64]) -> tuple[float, float]:
    """Lowest and highest LLR that the LLRs of these items (N,) support; (0, 0) where they support none.

    The empirical bounds (ELUB) of Vergeer et al. 2016 (Science and Justice 56, 482-491): one misleading item is added
    to each class. An LR of t is supported if deciding by "LR > t" costs no more than never deciding for fake where a
    false decision costs t times a missed one, here and at every threshold between 1 and t. So the LR is below n + 1
    for n real items, 1 / LR for n fake ones, and within the range of the LLRs themselves.
    """
    return 0.0 - _find_upper(~is_fake, -llr), _find_upper(is_fake, llr)


def _find_upper(is_fake: NDArray[np.bool_], llr: NDArray[np.float64]) -> float:
    """Highest t with t <= TPR(t) / FPR(t), and the same for every threshold from 1 to t, as a natural logarithm."""
    fakes, reals = np.sort(llr[is_fake]), np.sort(llr[~is_fake])
    # Rates above a threshold change only at the items' LLRs: each step is one interval with constant rates.
    starts = np.concatenate(([0.0], np.unique(llr[llr > 0])))
    above_fakes = len(fakes) - np.searchsorted(fakes, starts, side="right")
    above_reals = len(reals) - np.searchsorted(reals, starts, side="right") + 1
    rate = above_fakes / (len(fakes) + 1) * (len(reals) + 1) / above_reals
    with np.errstate(divide="ignore"):
        supported = np.log(rate)
    ends = np.append(starts[1:], np.inf)
    first = int(np.argmax(supported < ends))  # true of the last one at the latest: no item is above it
    return float(max(starts[first], supported[first]))


def measure_cllr(is_fake: ArrayLike, llr: ArrayLike) -> float:
    """Cllr in bits (Bruemmer and du Preez 2006): 0 is perfect, 1 says nothing (LR 1 for all), above 1 misleads.

    `llr` (N,). Infinite if an LLR of infinite size is on the wrong side; NaN for items of one class.
    """
    fake, ratios = np.asarray(is_fake, np.bool_), np.asarray(llr, np.float64)
    return float(weigh_cllr(fake, ratios, np.ones((1, len(fake))))[0]) if fake.any() and not fake.all() else math.nan


def weigh_cllr(
    is_fake: NDArray[np.bool_], llr: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(B,) Cllr of items (N,) with `weights` (B, N); NaN if a class is absent."""
    cost = np.logaddexp(0.0, np.where(is_fake, -llr, llr)) / math.log(2)
    lost = np.isposinf(cost)
    sums = [_average(np.where(lost, 0.0, cost), weights, side) for side in (is_fake, ~is_fake)]
    ruined = weights @ lost.astype(np.float64) > 0
    return np.where(ruined, np.inf, (sums[0] + sums[1]) / 2)


def measure_minimum_cllr(is_fake: ArrayLike, score: ArrayLike) -> float:
    """Cllr_min: Cllr after the best monotone transform of `score` (N,), which knows the labels; NaN for one class.

    What is left is lost to discrimination; Cllr minus Cllr_min is lost to calibration.
    """
    fake = np.asarray(is_fake, np.bool_)
    return measure_cllr(fake, recalibrate(fake, score)) if fake.any() and not fake.all() else math.nan


def recalibrate(is_fake: NDArray[np.bool_], score: ArrayLike) -> NDArray[np.float64]:
    """(N,) LLRs by pool-adjacent-violators on these very items, for a PAV plot; infinite where one class is alone."""
    # Only the order counts, and ranks are finite where scores are not.
    rank = np.unique(np.asarray(score, np.float64), return_inverse=True)[1].astype(np.float64)
    return fit_isotonic(is_fake, rank)(rank)


def _average(values: NDArray[np.float64], weights: NDArray[np.float64], side: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(B,) weighted mean of the values (N,) of one class; NaN without any."""
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ (side * values)) / (weights @ side.astype(np.float64)), np.float64)


def _smooth_targets(is_fake: NDArray[np.bool_]) -> NDArray[np.float64]:
    fakes, reals = int(is_fake.sum()), int((~is_fake).sum())
    return np.where(is_fake, (fakes + 1) / (fakes + 2), 1 / (reals + 2))


def _balance(is_fake: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) weights that sum to one half per class."""
    return np.where(is_fake, 0.5 / max(1, int(is_fake.sum())), 0.5 / max(1, int((~is_fake).sum())))


def _expit(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-np.logaddexp(0.0, -value))


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(probability) - np.log1p(-probability), np.float64)
