"""Figures per dataset, macro and pooled, and what the comparison with a control says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unmask.evaluation.item_set import ItemSet, select_labeled
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
    assert [row.name for row in table.rows] == ["a", "b", "macro", "pooled"]
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
        "auc", "eer", "ap", "balanced_accuracy", "precision", "f1",
    }  # fmt: skip
    assert row.intervals == {"auc": None, "balanced_accuracy": None}
    assert row["recall"] == pytest.approx(2 / 3)
    assert table.row("macro").auc == 1.0
    assert (table.row("macro").n_real, table.row("macro").n_fake) == (2, 2)
    assert table.row("pooled").n_fake == 5


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


def test_a_clearly_better_model_beats_its_control() -> None:
    random = np.random.default_rng(0)
    items = items_of({"a": random.integers(0, 2, 120).tolist()})
    ours = measure(items, scorer((0.2 + 0.6 * items.is_fake + 0.1 * random.random(120)).tolist()), seed=0)
    theirs = measure(items, scorer(random.random(120).tolist(), "metadata only"), seed=0)
    found = compare(items, ours, theirs, "it only reads files.")
    assert found.beaten
    assert found.datasets == ("a",)
    assert found.interval is not None
    assert found.interval[0] > 0
    assert "beats metadata only" in found.meaning
    reverse = compare(items, theirs, ours, "it only reads files.")
    assert not reverse.beaten
    assert "does NOT beat" in reverse.meaning
    assert reverse.meaning.endswith("it only reads files.")


def test_the_same_scores_are_not_shown_to_be_better() -> None:
    random = np.random.default_rng(1)
    items = items_of({"a": random.integers(0, 2, 80).tolist()})
    same = measure(items, scorer(random.random(80).tolist()), seed=0)
    found = compare(items, same, same, "why.")
    assert (found.difference, found.interval, found.beaten) == (0.0, (0.0, 0.0), False)


def test_a_few_groups_are_not_enough_to_beat_anything() -> None:
    rows = [item(number, "a", number % 2, f"g{number % 2}") for number in range(40)]
    items = ItemSet(tuple(rows))
    ours = measure(items, scorer(items.is_fake.astype(float).tolist()), seed=0)
    theirs = measure(items, scorer([0.5] * 40, "majority guess"), seed=0)
    found = compare(items, ours, theirs, "why.")
    assert (found.difference, found.interval, found.beaten) == (0.5, None, False)
    assert "too few groups" in found.meaning


def test_a_control_is_compared_only_where_it_applies() -> None:
    items = items_of({"a": [1, 0, 1, 0], "b": [1, 0, 1, 0]})
    ours = measure(items, scorer([0.9, 0.1, 0.8, 0.2, 0.1, 0.9, 0.2, 0.8]), seed=0)
    applies = [True] * 4 + [False] * 4
    theirs = measure(items, scorer([0.1, 0.9, 0.2, 0.8] + [0.5] * 4, "silence", applies), seed=0)
    assert theirs.table.row("b").auc is None
    found = compare(items, ours, theirs, "why.")
    assert (found.datasets, found.difference) == (("a",), 1.0)


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
