"""From a logit to evidence in words, with its interval and bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scope_parts import make_scores

from unmask.evaluation.verdict_models.evidence_model import STRENGTHS, describe_evidence, fit_evidence


def describe(llr: float, interval: tuple[float, float]):
    return describe_evidence(llr, interval, lowest=-99, highest=99, items=60)


@pytest.mark.parametrize(
    ("ratio", "word"),
    [
        (1.9, "none"),
        (2.1, "weak"),
        (9.9, "weak"),
        (11, "moderate"),
        (999, "moderate"),
        (1001, "strong"),
        (9999, "strong"),
        (10_001, "very strong"),
        (1e300, "very strong"),
    ],
)
def test_the_word_is_that_of_the_ratio_in_both_directions(ratio: float, word: str):
    llr = math.log(ratio)
    fake, real = describe(llr, (llr, llr)), describe(-llr, (-llr, -llr))
    assert (fake.strength, real.strength) == (word, word)
    assert (fake.supports, real.supports) == (("neither",) * 2 if word == "none" else ("fake", "real"))


def test_no_word_is_stronger_than_on_the_scale_of_enfsi():
    order = ["none", "weak", "moderate", "moderately strong", "strong", "very strong", "extremely strong"]
    enfsi = [(2, "none"), (10, "weak"), (100, "moderate"), (1e3, "moderately strong"), (1e4, "strong")]
    enfsi += [(1e6, "very strong"), (math.inf, "extremely strong")]
    for ratio in np.geomspace(1, 1e8, 200):
        ours = next(word for most, word in STRENGTHS if ratio < most)
        theirs = next(word for most, word in enfsi if ratio < most)
        assert order.index(ours) <= order.index(theirs)


def test_an_interval_with_a_ratio_of_one_in_it_is_no_evidence_either_way():
    found = describe(math.log(50), (-0.1, math.log(400)))
    assert (found.strength, found.supports, str(found)) == ("none", "neither", "no evidence either way")
    assert str(describe(math.log(50), (0.1, math.log(400)))) == "moderate evidence of fake"


def test_few_validation_items_never_say_more_than_they_support():
    is_fake, logit, group = make_scores(40, 100.0)  # separable without any error
    model = fit_evidence(is_fake, logit, group, seed=0)
    found = model.weigh(1e6)
    assert found is not None
    assert found.llr == found.highest == model.highest
    assert math.exp(found.llr) <= 21 + 1e-9  # 20 real items and one misleading one
    assert (found.strength, found.supports, found.validation_items) == ("moderate", "fake", 40)
    assert found.lowest <= found.interval[0] <= found.llr <= found.interval[1] <= found.highest


def test_scores_without_information_are_no_evidence():
    model = fit_evidence(*make_scores(60, 0.0), seed=0)
    for logit in (-3.0, 0.0, 3.0):
        found = model.weigh(logit)
        assert found is not None
        assert found.supports == "neither"


def test_the_interval_is_wider_with_fewer_groups():
    widths = []
    for count in (30, 1000):
        found = fit_evidence(*make_scores(count, 1.5), seed=0).weigh(0.6)
        assert found is not None
        assert found.supports == ("fake" if count == 1000 else found.supports)
        widths.append(found.interval[1] - found.interval[0])
    assert widths[1] < widths[0] / 2


def test_items_of_few_groups_give_no_evidence_but_a_reason():
    is_fake, logit, group = make_scores(40, 2.0)
    model = fit_evidence(is_fake, logit, group % 2, seed=0)
    assert model.weigh(1.0) is None
    assert model.reason == "the validation files of a class are of 1 group, and 3 are needed"
    few = fit_evidence(is_fake[:8], logit[:8], group[:8], seed=0)
    assert few.weigh(1.0) is None
    assert few.reason == "too few validation files: 4 real and 4 fake, and 5 of each are needed"


def test_a_file_without_the_part_has_no_evidence_of_it():
    assert fit_evidence(*make_scores(40, 2.0), seed=0).weigh(math.nan) is None
