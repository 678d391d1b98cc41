"""Noisy-or of several pieces of evidence (Pearl 1988), and its calibration.

N clips or items, T terms; NaN marks a term that an item does not have
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# exp(-30) is below what float32 can tell from no suspicion at all; the logarithm of the sum stays finite.
LOWEST = -30.0
# Gaussian priors of a term's line: slope 1, intercept 0. They weigh as much as a handful of items. The slope stays
# positive, because a line of slope 0 would throw away the order of the items.
SLOPE_DEVIATION, INTERCEPT_DEVIATION = 0.5, 2.0
FLATTEST, STEEPEST = 0.25, 4.0


def combine_arrays(logit_NT: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) logit of 1 - prod(1 - p) over the terms an item has, p = sigmoid(logit). NaN for an item without any."""
    present_NT = ~np.isnan(logit_NT)
    sum_N = _sum_suspicion(logit_NT, present_NT)
    with np.errstate(divide="ignore"):
        combined_N = sum_N + np.log(-np.expm1(-sum_N))
    return np.where(present_NT.any(axis=1), combined_N, np.nan)


def fit_lines(
    logit_NT: NDArray[np.floating], part_NT: NDArray[np.floating], whole_N: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(T,) slopes and (T,) intercepts: each term becomes slope * logit + intercept before they are combined.

    `part_NT`: is what this term is about fake, 1, 0 or NaN for unknown; `whole_N`: is the item. Cross-entropy of every
    term with known labels, and of the noisy-or. In each of them both classes weigh the same (Platt 1999), and one whose
    items are of one class is left out. The most probable lines given the items and the priors above.
    """
    from scipy.optimize import minimize  # here, because a prediction would wait for it and not use it
    from scipy.special import expit

    present_NT = ~np.isnan(logit_NT)
    x_NT = np.where(present_NT, logit_NT, 0.0).astype(np.float64)
    part_weight_NT = np.stack(
        [_balance(part == 1, ~np.isnan(part) & has) for part, has in zip(part_NT.T, present_NT.T, strict=True)], axis=1
    )
    whole_weight_N = _balance(whole_N, present_NT.any(axis=1))
    terms = logit_NT.shape[1]

    def loss(lines: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope_T, intercept_T = lines[:terms], lines[terms:]
        s_NT = slope_T * x_NT + intercept_T
        sum_N = np.maximum(_sum_suspicion(s_NT, present_NT), np.exp(LOWEST))
        whole_logit_N = sum_N + np.log(-np.expm1(-sum_N))
        value = (part_weight_NT * (np.logaddexp(0.0, s_NT) - (part_NT == 1) * s_NT)).sum()
        value += (whole_weight_N * (np.logaddexp(0.0, whole_logit_N) - whole_N * whole_logit_N)).sum()
        value += (((slope_T - 1) / SLOPE_DEVIATION) ** 2 + (intercept_T / INTERCEPT_DEVIATION) ** 2).sum() / 2
        chance_NT = expit(s_NT)
        error_N = whole_weight_N * (expit(whole_logit_N) - whole_N) / -np.expm1(-sum_N)
        error_NT = part_weight_NT * (chance_NT - (part_NT == 1)) + present_NT * error_N[:, None] * chance_NT
        slope_gradient_T = (error_NT * x_NT).sum(axis=0) + (slope_T - 1) / SLOPE_DEVIATION**2
        return float(value), np.concatenate(
            [slope_gradient_T, error_NT.sum(axis=0) + intercept_T / INTERCEPT_DEVIATION**2]
        )

    start = np.concatenate([np.ones(terms), np.zeros(terms)])
    bounds = [(FLATTEST, STEEPEST)] * terms + [(None, None)] * terms
    lines = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return lines[:terms], lines[terms:]


def _sum_suspicion(logit_NT: NDArray[np.floating], present_NT: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) sum of softplus(logit): minus the log of the chance that no term holds."""
    clamped_NT = np.clip(np.where(present_NT, logit_NT, LOWEST), LOWEST, None).astype(np.float64)
    sum_N: NDArray[np.float64] = np.where(present_NT, np.logaddexp(0.0, clamped_NT), 0.0).sum(axis=1)
    return sum_N


def _balance(is_fake_N: NDArray[np.bool_], counts_N: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) weights that sum to the number of items that count, half for each class; 0 where one class is missing."""
    fakes, all_items = int((is_fake_N & counts_N).sum()), int(counts_N.sum())
    if not 0 < fakes < all_items:
        return np.zeros(len(is_fake_N))
    return counts_N * (all_items / 2) / np.where(is_fake_N, fakes, all_items - fakes)
