"""Likelihood ratios as a table and in words, for the terminal and the report."""

from __future__ import annotations

import math

from unmask.evaluation.likelihood.results import Likelihood, LikelihoodRow

TITLE = "Likelihood ratios (LR) of fake against real, fitted on validation"
HEADINGS = ("Cllr [95 %]", "Cllr_min", "actDCF", "minDCF", "LR from", "LR to")
# ENFSI Guideline for Evaluative Reporting in Forensic Science (2015), its verbal scale of LRs.
SUPPORT = (
    (2.0, "no"),
    (10.0, "weak"),
    (100.0, "moderate"),
    (1000.0, "moderately strong"),
    (10_000.0, "strong"),
    (math.inf, "very strong"),
)


def format_row(row: LikelihoodRow) -> tuple[str, ...]:
    """Cells under HEADINGS."""
    cllr, span = _format(row.cllr), row.cllr_interval
    if row.cllr is not None:
        cllr += f" [{span[0]:.3f}, {span[1]:.3f}]" if span else " [n/a]"
    others = (row.cllr_min, row.act_dcf, row.min_dcf)
    return (cllr, *map(_format, others), format_ratio(row.lowest), format_ratio(row.highest))


def format_ratio(llr: float) -> str:
    """LR of a natural logarithm: 1/35, 1, 4.2, 120."""
    size = math.exp(abs(llr))
    text = "1" if size < 1.05 else f"{size:.1f}" if size < 9.95 else f"{size:.0f}"
    return text if llr >= 0 or text == "1" else f"1/{text}"


def describe_likelihood(likelihood: Likelihood) -> list[tuple[str, bool]]:
    """(sentence, is it a warning) about the chosen method."""
    row = likelihood.row
    if row is None:
        return [(f"No likelihood ratios: {likelihood.reason}", False)]
    counts = f"{likelihood.validation_real} real and {likelihood.validation_fake} fake validation files"
    if row.lowest == row.highest == 0:
        return [(f"The {counts} support no likelihood ratio other than 1.", True)]
    bounds = f"{format_ratio(row.lowest)} and {format_ratio(row.highest)}"
    real, fake = name_support(row.lowest), name_support(row.highest)
    support = f"{fake} support for either side" if real == fake else f"{fake} support for fake, {real} support for real"
    said = f"Likelihood ratios ({likelihood.chosen}) stay between {bounds}, because {counts} support no more: at most "
    return [(f"{said}{support}.", False), *_describe_cllr(row)]


def _describe_cllr(row: LikelihoodRow) -> list[tuple[str, bool]]:
    if row.cllr is None:
        return [("Not measured: the evaluated files are of one class.", False)]
    span = row.cllr_interval
    if span is None:
        return [("Too few groups of files to say how well they carry over to other files.", False)]
    if span[0] > 1:
        return [(f"They mislead on these files: Cllr {row.cllr:.3f}, and saying nothing scores 1.", True)]
    if span[1] >= 1:
        return [(f"Not shown to be better than saying nothing on these files (Cllr 1): Cllr {row.cllr:.3f}.", True)]
    return []


def name_support(llr: float) -> str:
    """In the words of the ENFSI scale, for either direction."""
    size = math.exp(abs(llr))
    return next(name for most, name in SUPPORT if size < most)


def _format(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
