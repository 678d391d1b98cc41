"""Which epoch's weights a run keeps: rules that compare one number per epoch, measured on the validation items."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unmask.metrics.binary import ENOUGH_ITEMS
from unmask.train.config import Selection
from unmask.train.data.token_data import TokenData

log = logging.getLogger("unmask")

Criterion = Literal["macro_auc", "auc", "loss", "calibrated_loss", "steady_loss", "last_epoch"]

# An AUC near .8 of n items of the rarer class has a standard error of up to sqrt(.8 x .2 / n) (Hanley and McNeil 1982).
# Epochs differ by a few hundredths, so the highest of thirty AUCs less exact than this is mostly luck.
USUAL_AUC, LARGEST_ERROR = 0.8, 0.03
# The calibrated loss uses the margin of every item, not only their order, and ignores that later epochs are too
# certain. Chosen on nine datasets of 60 to 110 validation items in all: docs/training.md.
STEADY_EPOCHS = 3

TITLES: dict[Criterion, str] = {
    "macro_auc": "mean validation AUC",
    "auc": "pooled validation AUC",
    "loss": "validation loss",
    "calibrated_loss": f"calibrated validation loss, mean of {STEADY_EPOCHS} epochs",
    "steady_loss": "calibrated validation loss",
    "last_epoch": "calibrated validation loss",
}
CHOICES: dict[Criterion, str] = {
    "macro_auc": "the highest is kept",
    "auc": "the highest is kept",
    "loss": "the lowest is kept",
    "calibrated_loss": "the lowest is kept",
    "steady_loss": "the last epoch is kept unless it is a standard error above the lowest, then the lowest",
    "last_epoch": "shown only: the last epoch is kept",
}


@dataclass(frozen=True, slots=True)
class Judge:
    """Criterion for the epoch whose weights are kept."""

    criterion: Criterion
    datasets: tuple[str, ...] = ()
    """macro_auc: the datasets whose AUCs are averaged."""

    def decide(self, earlier: Sequence[Mapping[str, Any]], validation: Mapping[str, Any]) -> float:
        """The number that decides: an AUC or a loss of the epoch `validation`, after the `earlier` ones.

        Each is a `Validation.as_json`.
        """
        epochs = STEADY_EPOCHS if self.criterion == "calibrated_loss" else 1
        return float(np.mean([self._measure(one) for one in [*earlier, validation][-epochs:]]))

    @property
    def stops_early(self) -> bool:
        """False for the rules that need the end of the schedule."""
        return self.criterion not in ("steady_loss", "last_epoch")

    def keeps(self, earlier: Sequence[Mapping[str, Any]], line: Mapping[str, Any], *, last: bool) -> bool:
        """Are the weights of epoch `line` kept, in place of those of an `earlier` one? Lines of metrics.jsonl.

        `last`: it ends the schedule.
        """
        if self.criterion == "last_epoch":
            return True
        if self.criterion == "steady_loss" and last:
            lowest = min([*earlier, line], key=lambda one: float(one["deciding"]))
            return bool(line["deciding"] <= lowest["deciding"] + (lowest["validation"]["calibrated_error"] or 0.0))
        return all(self._rank(line) > self._rank(one) for one in earlier)

    def _rank(self, line: Mapping[str, Any]) -> tuple[float, float]:
        """Higher is better; equal AUCs are ranked by the loss."""
        deciding = line["deciding"]
        return (deciding if self.criterion in ("macro_auc", "auc") else -deciding, -line["validation"]["loss"])

    def _measure(self, validation: Mapping[str, Any]) -> float:
        if self.criterion == "macro_auc":
            return float(np.mean([validation["domains"][name]["auc"] for name in self.datasets]))
        if self.criterion == "auc":
            return float(validation["pooled"]["auc"])
        return float(validation["loss" if self.criterion == "loss" else "calibrated_loss"])


def choose_judge(selection: Selection, data: TokenData, clips: NDArray[np.int64]) -> Judge:
    """The judge of the rule `selection` for the validation items of `clips`, with log lines that say why."""
    fewest, fewest_pooled = _count_rarer(data, clips)
    return SELECTIONS[selection](fewest, fewest_pooled)


def _count_rarer(data: TokenData, clips: NDArray[np.int64]) -> tuple[dict[str, int], int]:
    """Items of the rarer class of each dataset, and of all together."""
    first = clips[np.unique(data.clips.item[clips], return_index=True)[1]]
    label, domain = data.clips.label[first], data.clips.domain[first]
    fewest = {
        data.clips.datasets[own]: min(int((label[domain == own] == kind).sum()) for kind in (0, 1))
        for own in np.unique(domain).tolist()
    }
    if single := sorted(name for name, count in fewest.items() if count == 0):
        log.warning("validation: only one class of %s, so no AUC there", ", ".join(single))
    return fewest, min(int((label == kind).sum()) for kind in (0, 1))


def choose_steady(fewest: Mapping[str, int], fewest_pooled: int) -> Judge:
    """The last epoch, unless its calibrated loss is more than one standard error above the lowest, then the lowest.

    Few validation items have a large standard error, so they seldom speak against the last epoch.
    """
    if not fewest_pooled:
        return choose_last(fewest, fewest_pooled)
    log.info("the last epoch is kept, unless its calibrated validation loss is clearly above that of an earlier one")
    return Judge("steady_loss")


def choose_last(fewest: Mapping[str, int], fewest_pooled: int) -> Judge:
    if not fewest_pooled:
        log.warning("validation: one class only, so scores are not calibrated")
    log.info("the last epoch is kept; validation only calibrates its scores")
    return Judge("last_epoch")


def choose_criterion(fewest: Mapping[str, int], fewest_pooled: int) -> Judge:
    """Mean AUC over the datasets with ENOUGH_ITEMS of each class, or over those with any of both.

    Where no dataset has both classes the pooled AUC, and where validation as a whole has not, the loss. Where the AUC
    would be less exact than LARGEST_ERROR, the calibrated loss. `fewest`: dataset -> items of its rarer class.
    """
    deciding = choose_deciding(fewest)
    if not fewest_pooled:
        log.warning("validation: one class only, so the best epoch is chosen by the loss")
        return Judge("loss")
    error = estimate_error([fewest[name] for name in deciding] or [fewest_pooled])
    if error > LARGEST_ERROR:
        log.info(
            "validation: few items per class (standard error of the AUC about %.2f), so the best epoch is the one of "
            "the lowest %s",
            error,
            TITLES["calibrated_loss"],
        )
        return Judge("calibrated_loss")
    if deciding:
        log.info("the best epoch is the one of the highest mean validation AUC over %s", ", ".join(deciding))
        return Judge("macro_auc", deciding)
    log.warning("validation: no dataset has both classes, so the best epoch is chosen by the pooled AUC")
    return Judge("auc")


def estimate_error(rarer: Collection[int]) -> float:
    """Standard error of the mean AUC of datasets with so many items of their rarer class."""
    return math.sqrt(sum(USUAL_AUC * (1 - USUAL_AUC) / count for count in rarer)) / len(rarer)


def choose_deciding(fewest: Mapping[str, float]) -> tuple[str, ...]:
    """Datasets whose mean AUC chooses the best epoch; given the items of each one's rarer class."""
    both = tuple(name for name, count in fewest.items() if count > 0)
    return tuple(name for name in both if fewest[name] >= ENOUGH_ITEMS) or both


SELECTIONS: dict[Selection, Callable[[Mapping[str, int], int], Judge]] = {
    "steady": choose_steady,
    "last": choose_last,
    "best": choose_criterion,
}
"""Rules, given the validation items of the rarer class of each dataset, and of all together."""


def describe_choice(criterion: Criterion) -> str:
    """What decides and how, for tables and captions."""
    return f"{TITLES[criterion]}; {CHOICES[criterion]}"
