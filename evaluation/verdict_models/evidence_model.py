"""From a logit to evidence: Platt's line, its resamples and its bounds, fitted on the validation items of a run.

N items, B resamples
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.likelihood.results import FEWEST
from unmask.evaluation.verdicts.findings import Evidence, Strength
from unmask.metrics.bootstrap import GROUPS_PER_CLASS, LEVEL
from unmask.metrics.likelihood_ratios import find_bounds, fit_platt
from unmask.metrics.resampled_platt import resample_platt

Part = Literal["all", "image", "audio"]
PARTS: tuple[Part, ...] = ("all", "image", "audio")
"""The file, and its image or audio alone."""

# LR below which each word holds: the thresholds of the ENFSI Guideline for Evaluative Reporting in Forensic Science
# (2015). Its six words become four, and none is stronger than there: "moderately strong" (100 to 1,000) is moderate,
# "extremely strong" (from a million on) is very strong. AFSP (2009) has the same thresholds from 10 on; 1 to 10 is
# "limited" there.
STRENGTHS: tuple[tuple[float, Strength], ...] = (
    (2.0, "none"),
    (10.0, "weak"),
    (1000.0, "moderate"),
    (10_000.0, "strong"),
    (math.inf, "very strong"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceModel:
    """LLR = slope * logit + offset within the bounds; logits are those of a file before any temperature."""

    real: int
    fake: int
    """Validation items that it was fitted on."""
    reason: str = ""
    """Why there is no evidence; "" where there is."""
    slope: float = 0.0
    offset: float = 0.0
    lowest: float = 0.0
    highest: float = 0.0
    lines: NDArray[np.float64]
    """(B, 2) slope and offset from each resample of the groups; empty where there is a reason."""

    def weigh(self, logit: float) -> Evidence | None:
        """Evidence of one logit; None where there is a reason, and for NaN."""
        if self.reason or math.isnan(logit):
            return None
        llr = self._limit(np.array([self.slope * logit + self.offset]))
        drawn = self._limit(self.lines[:, 0] * logit + self.lines[:, 1])
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
        point = float(llr[0])
        return describe_evidence(
            point,
            (min(low, point), max(high, point)),
            lowest=self.lowest,
            highest=self.highest,
            items=self.real + self.fake,
        )

    def _limit(self, llr: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(llr, self.lowest, self.highest)


def describe_evidence(
    llr: float, interval: tuple[float, float], *, lowest: float, highest: float, items: int
) -> Evidence:
    """With the word of the LR; no evidence either way below an LR of 2, and where the interval has an LR of 1 in it.

    Such an interval says that other validation items might have told the other direction.
    """
    name = next(name for most, name in STRENGTHS if math.exp(min(abs(llr), 700.0)) < most)
    told = name != "none" and not interval[0] <= 0 <= interval[1]
    return Evidence(
        llr=llr,
        interval=interval,
        lowest=lowest,
        highest=highest,
        strength=name if told else "none",
        supports=("fake" if llr > 0 else "real") if told else "neither",
        validation_items=items,
    )


def fit_evidence(
    is_fake: NDArray[np.bool_], logit: NDArray[np.float64], group: NDArray[np.int64], *, seed: int
) -> EvidenceModel:
    """On validation items (N,) with finite logits; `group` (N,) is 0..G-1."""
    real, fake = int((~is_fake).sum()), int(is_fake.sum())
    reason = _find_reason(is_fake, group)
    lines = np.zeros((0, 2)) if reason else resample_platt(is_fake, logit, group, seed=seed)
    if not reason and not len(lines):
        reason = "too few validation files with groups of their own"
    if reason:
        return EvidenceModel(real=real, fake=fake, reason=reason, lines=np.zeros((0, 2)))
    line = fit_platt(is_fake, logit)
    offset, above = line(np.array([0.0, 1.0])).tolist()
    lowest, highest = find_bounds(is_fake, line(logit))
    return EvidenceModel(
        real=real, fake=fake, slope=above - offset, offset=offset, lowest=lowest, highest=highest, lines=lines
    )


def _find_reason(is_fake: NDArray[np.bool_], group: NDArray[np.int64]) -> str:
    real, fake = int((~is_fake).sum()), int(is_fake.sum())
    if min(real, fake) < FEWEST:
        return f"too few validation files: {real} real and {fake} fake, and {FEWEST} of each are needed"
    fewest = min(len(np.unique(group[is_fake])), len(np.unique(group[~is_fake])))
    if fewest < GROUPS_PER_CLASS:
        groups = f"group{'s' * (fewest != 1)}"
        return f"the validation files of a class are of {fewest} {groups}, and {GROUPS_PER_CLASS} are needed"
    return ""
