"""Log-likelihood ratios of the items of a split, fitted on the validation items of the run.

N items of the split, B resamples
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.likelihood.results import CHOSEN, FEWEST, Likelihood, LikelihoodRow
from unmask.evaluation.open_run import OpenRun
from unmask.metrics.bootstrap import Interval, compute_interval, resample_statistic
from unmask.metrics.likelihood_ratios import (
    LikelihoodModel,
    fit_likelihood_models,
    measure_cllr,
    measure_minimum_cllr,
    weigh_cllr,
)
from unmask.metrics.operating_points import actual_detection_cost, minimum_detection_cost

SAME_ITEMS = "The evaluated items are the validation items that the likelihood ratios would be fitted on."


def run_likelihood(
    opened: OpenRun,
    train: ItemSet,
    validation: ItemSet,
    validation_logit: NDArray[np.float64],
    items: ItemSet,
    logit: NDArray[np.float64],
    *,
    seed: int,
) -> tuple[Likelihood, NDArray[np.float64] | None]:
    """LLRs of `items` with `logit` (N,), fitted on the run's `validation` items: figures and the (N,) LLRs.

    None instead of LLRs where the figures have a reason.
    """
    config = opened.loaded.config
    balance = 0.0 if config.balance else 1 - config.logit_adjustment
    return measure_likelihood(
        validation,
        validation_logit,
        items,
        logit,
        temperature=opened.info.temperature,
        prior_log_odds=balance * _compute_log_odds(train.is_fake),
        seed=seed,
    )


def measure_likelihood(
    validation: ItemSet,
    validation_logit: NDArray[np.float64],
    items: ItemSet,
    logit: NDArray[np.float64],
    *,
    temperature: float,
    prior_log_odds: float,
    seed: int,
) -> tuple[Likelihood, NDArray[np.float64] | None]:
    """Fit every method on `validation`, measure it on `items`; see `fit_likelihood_models` for the last but `seed`."""
    reals, fakes = int((~validation.is_fake).sum()), int(validation.is_fake.sum())
    figures = partial(
        Likelihood,
        validation_real=reals,
        validation_fake=fakes,
        n_real=int((~items.is_fake).sum()),
        n_fake=int(items.is_fake.sum()),
    )
    if {row.media_id for row in validation.rows} & {row.media_id for row in items.rows}:
        return figures(reason=SAME_ITEMS), None
    if min(reals, fakes) < FEWEST:
        few = f"Too few validation items: {reals} real and {fakes} fake; at least {FEWEST} of each are needed."
        return figures(reason=few), None
    models = fit_likelihood_models(
        validation.is_fake, validation_logit, temperature=temperature, prior_log_odds=prior_log_odds
    )
    ratios = {model.method: model(logit) for model in models}
    spans = _resample_cllr(items, list(ratios.values()), seed)
    rows = [
        _measure_method(model, items, ratios[model.method], span) for model, span in zip(models, spans, strict=True)
    ]
    return figures(rows=tuple(rows)), ratios[CHOSEN]


def _measure_method(
    model: LikelihoodModel, items: ItemSet, llr: NDArray[np.float64], span: Interval | None
) -> LikelihoodRow:
    return LikelihoodRow(
        method=model.method,
        lowest=model.lowest,
        highest=model.highest,
        cllr=_as_figure(measure_cllr(items.is_fake, llr)),
        cllr_interval=span,
        cllr_min=_as_figure(measure_minimum_cllr(items.is_fake, llr)),
        act_dcf=_as_figure(actual_detection_cost(items.is_fake, llr)),
        min_dcf=_as_figure(minimum_detection_cost(items.is_fake, llr)),
    )


def _resample_cllr(items: ItemSet, ratios: list[NDArray[np.float64]], seed: int) -> list[Interval | None]:
    """Of each array of LLRs (N,), from the same draws of groups."""

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([weigh_cllr(items.is_fake, llr, weights) for llr in ratios], axis=1)

    drawn = resample_statistic(items.group, statistic, seed=seed)
    return [
        compute_interval(values, measure_cllr(items.is_fake, llr), items.is_fake, items.group)
        for values, llr in zip(drawn.T, ratios, strict=True)
    ]


def _compute_log_odds(is_fake: NDArray[np.bool_]) -> float:
    """Of fake among the items; 0 for items of one class."""
    fakes, reals = int(is_fake.sum()), int((~is_fake).sum())
    return math.log(fakes / reals) if fakes and reals else 0.0


def _as_figure(value: float) -> float | None:
    return value if math.isfinite(value) else None
