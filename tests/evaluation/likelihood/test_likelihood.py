"""Likelihood ratios of an evaluation: figures, reasons, sentences, files, plots."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_evaluation import Made, drawn
from tiny_chain import CPU, Chain

from unmask.core.files import sealed_files
from unmask.evaluation.evaluate import evaluate
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.likelihood.measure import SAME_ITEMS, measure_likelihood
from unmask.evaluation.likelihood.results import Likelihood, LikelihoodRow
from unmask.evaluation.likelihood.table import describe_likelihood, format_ratio, format_row
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.report.page import render
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.report.section_data.likelihood import count_shares
from unmask.evaluation.results import FILE, read_evaluation, write_evaluation
from unmask.evaluation.terminal_table import format_evaluation
from unmask.metrics.likelihood_ratios import measure_cllr, measure_minimum_cllr
from unmask.metrics.operating_points import actual_detection_cost

PLAIN: dict[str, Any] = {"temperature": 1.0, "prior_log_odds": 0.0, "seed": 0}


def halves(skill: float = 1.0) -> tuple[ItemSet, np.ndarray, ItemSet, np.ndarray]:
    """Validation items with logits, and test items with logits."""
    known, scores = drawn()
    test = known.split == "test"
    logit = skill * scores.logit
    return known.only(~test), logit[~test], known.only(test), logit[test]


def make_row(**more: Any) -> LikelihoodRow:
    figures = {"cllr": 0.5, "cllr_interval": (0.4, 0.6), "cllr_min": 0.4, "act_dcf": 0.5, "min_dcf": 0.4}
    bounds = {"lowest": -math.log(12), "highest": math.log(30)}
    return LikelihoodRow(method="platt", **{**figures, **bounds, **more})


def make_likelihood(**more: Any) -> Likelihood:
    return Likelihood(validation_real=40, validation_fake=35, n_real=9, n_fake=9, rows=(make_row(**more),))


def test_every_method_is_measured_on_its_own_bounded_ratios():
    validation, fitted_on, items, logit = halves()
    found, llr = measure_likelihood(validation, fitted_on, items, logit, **PLAIN)
    assert [row.method for row in found.rows] == ["temperature", "platt", "isotonic"]
    assert (found.validation_real, found.n_fake) == (int((~validation.is_fake).sum()), int(items.is_fake.sum()))
    assert llr is not None
    assert found.row is not None
    assert found.row.cllr == pytest.approx(measure_cllr(items.is_fake, llr))
    assert found.row.cllr_min == pytest.approx(measure_minimum_cllr(items.is_fake, llr))
    assert found.row.act_dcf == pytest.approx(actual_detection_cost(items.is_fake, llr))
    assert found.row.lowest <= llr.min() < 0 < llr.max() <= found.row.highest
    for row in found.rows:
        assert row.cllr_interval is not None
        assert row.cllr is not None
        assert row.min_dcf is not None
        assert row.cllr_interval[0] < row.cllr < row.cllr_interval[1] < 1
        assert row.cllr_min is not None
        assert row.cllr_min <= row.cllr
        assert row.highest < math.log(found.validation_real + 1)


def test_a_scale_of_the_logits_does_not_matter_to_platt_and_isotonic():
    ours, twice = (measure_likelihood(*halves(skill), **PLAIN)[0].rows for skill in (1.0, 2.0))
    for one, other in zip(ours[1:], twice[1:], strict=True):
        assert one.cllr == pytest.approx(other.cllr, abs=1e-5)
    assert ours[0].cllr != pytest.approx(twice[0].cllr, abs=1e-3)


def test_too_few_validation_items_and_the_validation_items_themselves_are_a_reason():
    validation, fitted_on, items, logit = halves()
    few = ~validation.is_fake & (np.cumsum(~validation.is_fake) > 4)
    found, llr = measure_likelihood(validation.only(~few), fitted_on[~few], items, logit, **PLAIN)
    assert llr is None
    assert found.rows == ()
    assert "4 real and" in found.reason
    assert "at least 5 of each" in found.reason
    assert describe_likelihood(found)[0][0].startswith("No likelihood ratios: Too few validation items")
    found, llr = measure_likelihood(validation, fitted_on, validation, fitted_on, **PLAIN)
    assert (found.reason, llr) == (SAME_ITEMS, None)


def test_items_of_one_class_have_ratios_and_no_figures():
    validation, fitted_on, items, logit = halves()
    fakes = items.is_fake
    found, llr = measure_likelihood(validation, fitted_on, items.only(fakes), logit[fakes], **PLAIN)
    assert llr is not None
    assert found.row is not None
    assert found.row.cllr is None
    assert format_row(found.row)[:4] == ("n/a",) * 4
    assert describe_likelihood(found)[-1] == ("Not measured: the evaluated files are of one class.", False)


def test_ratios_are_written_as_a_number_or_its_inverse():
    assert [format_ratio(math.log(value)) for value in (1.0, 4.23, 35.4, 1 / 12, 1.01, 1 / 1.5)] == [
        "1",
        "4.2",
        "35",
        "1/12",
        "1",
        "1/1.5",
    ]


def test_sentences_name_the_support_and_warn_where_the_ratios_say_nothing():
    ((said, bad),) = describe_likelihood(make_likelihood())
    assert "between 1/12 and 30, because 40 real and 35 fake validation files support no more" in said
    assert "at most moderate support for either side" in said
    assert not bad
    assert (
        "at most weak support for fake, moderate support for real"
        in describe_likelihood(make_likelihood(highest=math.log(9)))[0][0]
    )
    cases = {
        (1.1, 1.4): ("They mislead on these files", True),
        (0.8, 1.1): ("Not shown to be better than saying nothing", True),
        None: ("Too few groups", False),
    }
    for span, (start, warns) in cases.items():
        text, bad = describe_likelihood(make_likelihood(cllr_interval=span))[1]
        assert text.startswith(start)
        assert bad == warns
    ((said, bad),) = describe_likelihood(make_likelihood(lowest=0.0, highest=0.0))
    assert "support no likelihood ratio other than 1" in said
    assert bad


def test_the_json_reads_back_and_an_older_one_has_none(made: Made, tmp_path: Any):
    write_evaluation(tmp_path, made.evaluation)
    assert read_evaluation(tmp_path) == made.evaluation
    assert made.evaluation.likelihood is not None
    assert made.evaluation.likelihood.rows
    older = sealed_files.read_json(tmp_path / FILE)
    del older["likelihood"]
    (tmp_path / FILE).write_text(json.dumps(older))
    assert read_evaluation(tmp_path) == replace(made.evaluation, likelihood=None)


def test_the_terminal_has_one_row_per_method(made: Made):
    text = format_evaluation(made.evaluation)
    assert "Cllr [95 %]" in text
    assert "Likelihood ratios (platt) stay between" in text
    none = replace(
        made.evaluation, likelihood=Likelihood(validation_real=1, validation_fake=2, n_real=3, n_fake=4, reason="R.")
    )
    assert "- No likelihood ratios: R." in format_evaluation(none)
    assert "ikelihood" not in format_evaluation(replace(made.evaluation, likelihood=None))


def test_the_report_draws_both_plots_or_says_why_not(page_data: PageData):
    def show(likelihood: Likelihood | None) -> str:
        html = render(replace(page_data, evaluation=replace(page_data.evaluation, likelihood=likelihood)))
        return html.split('<section id="likelihood">')[1].split("</section>")[0]

    section = show(page_data.evaluation.likelihood)
    assert section.count("<svg") == 2
    assert 'aria-label="Tippett plot"' in section
    assert 'aria-label="PAV plot"' in section
    assert '<tr class="total"><th scope="row">platt' in section
    assert "inf" not in section.replace("infinite", "")
    assert "nan" not in section
    assert "Too few" in show(Likelihood(validation_real=1, validation_fake=2, n_real=3, n_fake=4, reason="Too few."))
    assert "evaluated by an earlier version" in show(None)


def test_a_tippett_curve_is_the_share_of_at_least_this_ratio():
    x, y = count_shares(np.array([1.0, -1.0, 1.0, 2.0]), -3.0, 3.0)
    assert (x, y) == ([-3, -1, -1, 1, 1, 2, 2, 3], [1, 1, 0.75, 0.75, 0.25, 0.25, 0, 0])


def test_evaluate_fits_on_the_runs_validation_items_and_writes_the_column(chain: Chain):
    likelihood = evaluate(chain.run, chain.work, device=CPU).likelihood
    assert likelihood is not None
    assert likelihood.row is not None
    counts = [sum(row.split == "val" and row.label == label for row in chain.manifest.rows()) for label in (0, 1)]
    assert [likelihood.validation_real, likelihood.validation_fake] == counts
    table = read_predictions(chain.run)
    llr = np.array(table.column("llr").to_pylist())
    assert llr.min() >= likelihood.row.lowest
    assert llr.max() <= likelihood.row.highest
    order = np.argsort(table.column("logit").to_numpy())
    assert (np.diff(llr[order]) >= 0).all()
    on_validation = evaluate(chain.run, chain.work, device=CPU, split="val")
    assert on_validation.likelihood is not None
    assert on_validation.likelihood.reason == SAME_ITEMS
    assert "llr" not in read_predictions(chain.run).column_names
    evaluate(chain.run, chain.work, device=CPU)
