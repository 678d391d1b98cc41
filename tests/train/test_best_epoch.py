"""Which number chooses the best epoch, and which epoch it chooses."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest

from unmask.train.best_epoch import (
    CHOICES,
    LARGEST_ERROR,
    SELECTIONS,
    TITLES,
    Judge,
    choose_criterion,
    choose_judge,
    estimate_error,
)
from unmask.train.config import Selection, TrainConfig


def test_datasets_of_a_few_items_do_not_decide_which_epoch_is_best():
    assert choose_criterion({"archive": 200, "dff": 2, "deepvoice": 0}, 210) == Judge("macro_auc", ("archive",))
    assert choose_criterion({"deepvoice": 0, "archive": 0}, 300) == Judge("auc")
    assert choose_criterion({"deepvoice": 0}, 0) == Judge("loss")


@pytest.mark.parametrize(
    ("fewest", "pooled"),
    [({"archive": 7, "dff": 8}, 15), ({"dff": 2}, 2), ({"archive": 0, "deepvoice": 0}, 20), ({"archive": 100}, 100)],
)
def test_few_items_per_class_choose_by_the_calibrated_loss(fewest: dict[str, int], pooled: int):
    assert choose_criterion(fewest, pooled) == Judge("calibrated_loss")


def test_the_error_of_a_mean_over_datasets_worked_by_hand():
    # .8 x .2 / 16 = .01, whose root is .1; the mean of four such datasets is half as uncertain.
    assert estimate_error([16]) == pytest.approx(0.1)
    assert estimate_error([16] * 4) == pytest.approx(0.05)
    assert estimate_error([20] * 9) < LARGEST_ERROR < estimate_error([150])


def test_items_are_counted_once_however_many_clips_they_have(make_data, made_item, caplog):
    items = [made_item(n % 2, {"eye": 1}, "archive", split="val", clips=9) for n in range(40)]
    items += [made_item(1, {"eye": 1}, "deepvoice", split="val")]
    data = make_data(items)
    with caplog.at_level("INFO", "unmask"):
        judge = choose_judge("best", data, data.select(("eye",), "val"))
    assert judge == Judge("calibrated_loss")
    assert "only one class of deepvoice" in caplog.text
    assert "standard error of the AUC about 0.09" in caplog.text


def epoch(**figures: Any) -> dict[str, Any]:
    return {"loss": 0.5, "calibrated_loss": 0.5, "pooled": {"auc": 0.7}, "domains": {}} | figures


def list_kept(judge: Judge, losses: list[float], deciding: list[float], error: float = 0.1) -> list[int]:
    """The kept epoch after each epoch."""
    lines: list[dict[str, Any]] = []
    kept = []
    for number, (loss, decides) in enumerate(zip(losses, deciding, strict=True), start=1):
        line = {"deciding": decides, "validation": {"loss": loss, "calibrated_error": error}}
        kept.append(number if judge.keeps(lines, line, last=number == len(losses)) else kept[-1])
        lines.append(line)
    return kept


def test_one_lucky_epoch_does_not_win_by_the_calibrated_loss():
    losses = [0.70, 0.60, 0.30, 0.58, 0.45, 0.44, 0.43, 0.50]
    judge, earlier, found = Judge("calibrated_loss"), [], []
    for loss in losses:
        line = epoch(calibrated_loss=loss)
        found.append(judge.decide(earlier, line))
        earlier.append(line)
    assert found[2] == pytest.approx((0.70 + 0.60 + 0.30) / 3)
    assert list_kept(judge, [0.5] * 8, found)[-1] == 7


def test_an_auc_decides_by_itself_and_equal_ones_by_the_loss():
    judge = Judge("macro_auc", ("a", "b"))
    aucs = {"a": {"auc": 0.9}, "b": {"auc": 0.7}, "few": {"auc": 1.0}}
    assert judge.decide([epoch()], epoch(domains=aucs)) == pytest.approx(0.8)
    assert Judge("auc").decide([], epoch()) == 0.7
    assert list_kept(judge, [0.1, 0.4, 0.3, 0.9], [0.7, 0.8, 0.8, 0.8]) == [1, 2, 3, 3]
    assert list_kept(Judge("loss"), [0.4, 0.3], [0.4, 0.3]) == [1, 2]
    assert math.isclose(Judge("loss").decide([], epoch(loss=0.25)), 0.25)


def test_the_last_epoch_is_kept_unless_its_loss_is_clearly_above_the_lowest():
    judge = Judge("steady_loss")
    rising = [0.60, 0.50, 0.55, 0.59, 0.61, 0.70]
    assert list_kept(judge, rising, rising) == [1, 2, 2, 2, 2, 2]
    assert list_kept(judge, rising, rising, error=0.25)[-1] == 6, "few items: the difference may be chance"
    falling_again = [0.60, 0.50, 0.70, 0.55, 0.45, 0.54]
    assert list_kept(judge, falling_again, falling_again) == [1, 2, 2, 2, 5, 6]
    assert not judge.stops_early


def test_the_last_epoch_is_kept_whatever_validation_says_where_it_is_asked_for():
    judge = SELECTIONS["last"]({"archive": 500}, 500)
    assert list_kept(judge, [0.1, 0.9], [0.1, 0.9]) == [1, 2]
    assert not judge.stops_early
    assert Judge("macro_auc").stops_early


def test_one_class_can_not_speak_against_the_last_epoch(caplog: pytest.LogCaptureFixture):
    assert SELECTIONS["steady"]({"archive": 0}, 0) == Judge("last_epoch")
    assert "one class only" in caplog.text


def test_every_rule_has_its_words_and_its_name_in_the_settings():
    assert set(SELECTIONS) == set(get_args(Selection))
    assert set(TITLES) == set(CHOICES)


def test_runs_of_the_rule_of_earlier_versions_keep_their_fingerprint():
    config = TrainConfig(selection="best", ema=0.0)
    kept = config.model_dump(mode="json")
    del kept["selection"]
    assert "selection" not in kept
    prints = {config.changed({"selection": name}).fingerprint() for name in SELECTIONS}
    assert len(prints) == len(SELECTIONS)
