"""Figures per dataset, macro and pooled, and what the comparison with a control says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unmask.evaluation.item_set import ItemSet, select_labeled
from unmask.evaluation.results import Comparison
from unmask.evaluation.score_tables import Scorer, compare, measure
from unmask.manifests.manifest import MediaRow


def item(number: int, dataset: str, label: int | None, group: str = "") -> MediaRow:
    return MediaRow(
        media_id=f"{number:032x}",
        dataset=dataset,
        domain_id={"a": 0, "b": 1, "c": 2}[dataset],
        path=f"{number}.wav",
        kind="audio",
        label=label,
        method={0: "none", 1: "tts", None: "unknown"}[label],
        group=group,
        split="test",
    )


def items_of(labels: dict[str, list[int]]) -> ItemSet:
    pairs = [(name, label) for name, several in labels.items() for label in several]
    return ItemSet(tuple(item(number, name, label, f"g{number}") for number, (name, label) in enumerate(pairs)))


def scorer(scores: list[float], name: str = "model", applies: list[bool] | None = None) -> Scorer:
    seen = None if applies is None else np.array(applies)
    return Scorer(name, "made up", np.array(scores), 0.5, seen)


def test_figures_worked_by_hand() -> None:
    # a: fakes .9 .4, reals .6 .2: 3 of 4 pairs in order; at .5 one fake and one real are called right.
    # b: fakes .8 .7, reals .3 .1: all in order and all right.
    items = items_of({"a": [1, 1, 0, 0], "b": [1, 1, 0, 0]})
    table = measure(items, scorer([0.9, 0.4, 0.6, 0.2, 0.8, 0.7, 0.3, 0.1]), seed=0).table
    assert [row.name for row in table.rows] == ["a", "b", "macro", "macro 5+", "pooled"]
    assert (table.row("a").auc, table.row("a")["accuracy"], table.row("a")["recall"]) == (0.75, 0.5, 0.5)
    assert (table.row("b").auc, table.row("b")["f1"]) == (1.0, 1.0)
    assert table.row("macro").auc == 0.875
    assert table.row("pooled").auc == pytest.approx(15 / 16)
    assert table.row("pooled")["precision"] == 0.75


def test_a_dataset_of_one_class_has_no_ranking_and_no_part_in_the_mean() -> None:
    items = items_of({"a": [1, 1, 0, 0], "c": [1, 1, 1]})
    table = measure(items, scorer([0.9, 0.8, 0.2, 0.1, 0.9, 0.9, 0.2]), seed=0).table
    row = table.row("c")
    assert {name for name, value in row.values.items() if value is None} == {
        "auc", "eer", "ap", "balanced_accuracy", "precision", "f1", "tpr_at_fpr_1", "tpr_at_fpr_5", "min_dcf",
    }  # fmt: skip
    assert row.intervals == {"auc": None, "balanced_accuracy": None}
    assert row["recall"] == pytest.approx(2 / 3)
    assert table.row("macro").auc == 1.0
    assert (table.row("macro").n_real, table.row("macro").n_fake) == (2, 2)
    assert table.row("pooled").n_fake == 5


def test_small_datasets_have_no_part_in_the_second_mean() -> None:
    items = items_of({"a": [1] * 5 + [0] * 5, "b": [1, 0], "c": [1] * 4 + [0] * 9})
    scores = [0.9, 0.8, 0.7, 0.6, 0.4, 0.5, 0.3, 0.2, 0.1, 0.0] + [0.9, 0.1] + [0.9] * 4 + [0.1] * 9
    table = measure(items, scorer(scores), seed=0).table
    assert [row.name for row in table.datasets if row.is_small] == ["b", "c"]
    assert table.row("macro 5+").auc == table.row("a").auc == pytest.approx(24 / 25)
    assert (table.row("macro 5+").n_real, table.row("macro 5+").n_fake) == (5, 5)
    assert table.row("macro").auc == pytest.approx((24 / 25 + 2) / 3)


def test_without_a_large_dataset_there_is_no_second_mean() -> None:
    row = measure(items_of({"a": [1, 1, 0, 0]}), scorer([0.9, 0.4, 0.6, 0.2]), seed=0).table.row("macro 5+")
    assert (row.auc, row.n_real, row.interval("auc")) == (None, 0, None)


def test_reals_alone_have_no_recall() -> None:
    row = measure(items_of({"a": [0, 0]}), scorer([0.9, 0.1]), seed=0).table.row("a")
    assert (row["recall"], row["accuracy"]) == (None, 0.5)


def test_without_any_two_class_dataset_there_is_no_macro() -> None:
    items = items_of({"a": [1, 1, 1], "b": [0, 0, 0]})
    table = measure(items, scorer([0.9, 0.8, 0.7, 0.3, 0.2, 0.1]), seed=0).table
    assert (table.row("macro").auc, table.row("macro").interval("auc")) == (None, None)
    assert table.row("pooled").auc == 1.0


def test_intervals_hold_their_points() -> None:
    random = np.random.default_rng(0)
    items = items_of({name: random.integers(0, 2, 60).tolist() for name in "abc"})
    table = measure(items, scorer((random.random(180) * 0.6 + 0.4 * items.is_fake).tolist()), seed=0).table
    for row in table.rows:
        for metric in ("auc", "balanced_accuracy"):
            low, high = row.interval(metric) or (math.nan, math.nan)
            assert low <= (row[metric] or math.nan) <= high


def compared(items: ItemSet, ours: list[float], theirs: list[float], **about: bool) -> Comparison:
    control = Scorer("metadata only", "made up", np.array(theirs), 0.5, cues="file size", **about)
    return compare(items, measure(items, scorer(ours), seed=0), measure(items, control, seed=0), control)


def test_a_clearly_better_model_beats_its_control_and_a_worse_one_does_not() -> None:
    random = np.random.default_rng(0)
    items = items_of({"a": random.integers(0, 2, 120).tolist()})
    good, noise = (0.2 + 0.6 * items.is_fake + 0.1 * random.random(120)).tolist(), random.random(120).tolist()
    found = compared(items, good, noise)
    assert (found.beaten, found.outcome, found.datasets) == (True, "better", ("a",))
    assert found.interval is not None
    assert found.interval[0] > 0
    assert "beats metadata only" in found.meaning
    reverse = compared(items, noise, good)
    assert (reverse.beaten, reverse.outcome) == (False, "worse")
    assert "does NOT beat metadata only, which is better here" in reverse.meaning
    assert "predicts the label with AUC 1.000 [1.000, 1.000]: the model may rely on file size too" in reverse.meaning


def test_the_same_scores_are_not_shown_to_be_better() -> None:
    random = np.random.default_rng(1)
    items = items_of({"a": random.integers(0, 2, 80).tolist()})
    same = (random.random(80) + items.is_fake).tolist()
    found = compared(items, same, same)
    assert (found.difference, found.interval, found.beaten, found.outcome) == (0.0, (0.0, 0.0), False, "not shown")


@pytest.mark.parametrize("reads_content", [True, False])
@pytest.mark.parametrize("shift", [-0.15, 0.15])
def test_an_interval_that_includes_0_says_nothing_about_the_fusion(shift: float, reads_content: bool) -> None:
    random = np.random.default_rng(2)
    items = items_of({"a": [0, 1] * 12})
    theirs = (random.random(24) + 0.5 * items.is_fake).tolist()
    ours = (random.random(24) + (0.5 + shift) * items.is_fake).tolist()
    found = compared(items, ours, theirs, reads_content=reads_content)
    assert found.interval is not None
    assert found.interval[0] < 0 < found.interval[1]
    assert found.outcome == "not shown"
    assert "too few test groups to tell" in found.meaning
    for wrong in ("nothing", "enough", "NOT", "adds"):
        assert wrong not in found.meaning


def test_a_few_groups_are_not_enough_to_beat_anything() -> None:
    rows = [item(number, "a", number % 2, f"g{number % 2}") for number in range(40)]
    items = ItemSet(tuple(rows))
    found = compared(items, items.is_fake.astype(float).tolist(), [0.5] * 40)
    assert (found.difference, found.interval, found.beaten) == (0.5, None, False)
    assert "fewer than three groups per class: too few test groups to tell" in found.meaning


def test_an_inverted_control_is_compared_as_chance_and_explained() -> None:
    random = np.random.default_rng(3)
    items = items_of({"a": [0, 1] * 60})
    wrong = (0.7 * ~items.is_fake + 0.5 * random.random(120)).tolist()
    ours = random.random(120).tolist()
    found = compared(items, ours, wrong)
    assert found.control_auc is not None
    assert found.model_auc is not None
    assert found.control_auc < 0.1
    assert found.difference == pytest.approx(found.model_auc - 0.5), "guessing does not beat a control that is wrong"
    assert not found.beaten
    assert "against 0.500" in found.meaning
    assert "inverted" in found.meaning
    probe = compared(items, ours, wrong, reads_content=True)
    assert "inverted" in probe.meaning


def test_the_sentence_of_a_control_follows_its_value() -> None:
    items = items_of({"a": [0, 1] * 40})
    noise = np.random.default_rng(4).random(80)
    good = items.is_fake + noise
    sentences = {
        "at chance": [0.5] * 80,
        "may rely on file size": (items.is_fake + 1.2 * noise).tolist(),
        "not shown to predict": (np.roll(noise, 1) + 0.02 * items.is_fake).tolist(),
    }
    meanings = {text: compared(items, good.tolist(), theirs).meaning for text, theirs in sentences.items()}
    for text, meaning in meanings.items():
        assert [other for other in sentences if other in meaning] == [text]


def test_small_datasets_are_compared_only_where_there_are_no_others() -> None:
    items = items_of({"a": [0, 1] * 10, "b": [1, 0], "c": [1, 0, 1, 0]})
    perfect = items.is_fake.astype(float).tolist()
    luck = [0.5] * 20 + perfect[20:]
    found = compared(items, perfect, luck)
    assert (found.datasets, found.difference) == (("a",), 0.5)
    assert "AUC 1.000 against 0.500" in found.meaning
    few = items.only(items.dataset != "a")
    assert compared(few, perfect[20:], luck[20:]).datasets == ("b", "c")


def test_a_control_is_compared_only_where_it_applies() -> None:
    items = items_of({"a": [1, 0, 1, 0], "b": [1, 0, 1, 0]})
    ours = measure(items, scorer([0.9, 0.1, 0.8, 0.2, 0.1, 0.9, 0.2, 0.8]), seed=0)
    applies = [True] * 4 + [False] * 4
    control = scorer([0.1, 0.9, 0.2, 0.8] + [0.5] * 4, "silence", applies)
    theirs = measure(items, control, seed=0)
    assert theirs.table.row("b").auc is None
    found = compare(items, ours, theirs, control)
    assert (found.datasets, found.difference) == (("a",), 0.5)


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        measure(items_of({"a": [1, 0]}), scorer([float("nan"), 0.5]), seed=0)


def test_items_without_label_or_split_are_left_out_of_what_is_measured() -> None:
    rows = [item(0, "a", 1), item(1, "a", None)]
    assert [row.media_id for row in select_labeled(rows).rows] == [rows[0].media_id]
    with pytest.raises(ValueError, match="no label"):
        ItemSet(tuple(rows))


def test_items_without_a_group_are_groups_of_their_own() -> None:
    items = ItemSet((item(0, "a", 1), item(1, "a", 0), item(2, "a", 0, "g"), item(3, "a", 0, "g")))
    assert len(set(items.group.tolist())) == 3
