"""The first sentence says what was shown, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_evaluation import Made

from unmask.evaluation.paper.first_sentence import describe_beaten
from unmask.evaluation.report.page import render
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.results import Comparison, Evaluation, Outcome, ScoreTable


def compare(control: str, outcome: Outcome | None, **more: object) -> Comparison:
    figures = {"difference": 0.3, "interval": (0.1, 0.4), "model_auc": 0.9, "control_auc": 0.6} | more
    datasets = () if outcome == "not comparable" else ("d",)
    return Comparison(
        control=control, datasets=datasets, beaten=outcome == "better", meaning="", outcome=outcome, **figures
    )  # type: ignore[arg-type]


def with_outcomes(made: Made, **outcomes: Outcome | None) -> Evaluation:
    """Controls a, b, ... and the linear probe, with these outcomes of the model against them."""
    names = {name.replace("_", " "): outcome for name, outcome in outcomes.items()}
    rows = made.evaluation.model.rows
    tables = [
        ScoreTable(name=name, about="", threshold=0.5, rows=rows, reads_content=name == "linear probe")
        for name in names
    ]
    compared = [compare(name, outcome) for name, outcome in names.items()]
    return replace(made.evaluation, controls=tuple(tables), comparisons=tuple(compared))


def test_a_model_that_beats_every_control_is_told_so_beside_the_strongest(made: Made) -> None:
    evaluation = with_outcomes(made, a="better", b="better", linear_probe="better")
    stronger = replace(evaluation.comparisons[1], control_auc=0.7, model_auc=0.8)
    comparisons = (evaluation.comparisons[0], stronger, evaluation.comparisons[2])
    text, state = describe_beaten(replace(evaluation, comparisons=comparisons))
    assert state == "good"
    assert text == (
        "The model beats all 2 controls (the strongest, b, has AUC 0.700, the model 0.800); "
        "it also beats a linear probe on the same tokens."
    )


def test_a_better_control_comes_first(made: Made) -> None:
    text, state = describe_beaten(with_outcomes(made, a="better", b="worse", c="not shown"))
    assert state == "bad"
    assert text.startswith("The model does not beat b, which scored higher; it beats 1 of 3 controls")
    assert text.endswith("for c it cannot be told.")


@pytest.mark.parametrize(
    ("outcome", "why"), [("not shown", "too few test groups"), ("not comparable", "no dataset has both classes")]
)
def test_where_it_cannot_be_told_the_reason_is(made: Made, outcome: Outcome, why: str) -> None:
    text, state = describe_beaten(with_outcomes(made, a=outcome, linear_probe="better"))
    assert (text, state) == (f"It cannot be told whether the model beats its controls: {why}.", "open")


def test_an_evaluation_of_an_earlier_version_has_only_beaten(made: Made) -> None:
    evaluation = with_outcomes(made, a=None)
    old = replace(evaluation.comparisons[0], beaten=True, model_auc=None, control_auc=None)
    assert describe_beaten(replace(evaluation, comparisons=(old,))) == ("The model beats its only control, a.", "good")


def test_the_sentence_is_above_the_cards(page_data: PageData) -> None:
    text, state = describe_beaten(page_data.evaluation)
    page = render(page_data)
    assert page.index(f'<p class="first {state}">{text}</p>') < page.index('<div class="cards">')
