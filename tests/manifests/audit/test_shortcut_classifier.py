"""The one classifier of what should not tell the label, used by the audit and by the metadata control."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from unmask.manifests.audit.shortcut_classifier import Table, predict_per_dataset
from unmask.metrics.binary import auc

SEEDS = range(4)


def make_table(
    values: NDArray[np.float64], is_fake: NDArray[np.bool_], dataset: NDArray[np.str_] | None = None
) -> Table:
    count = len(is_fake)
    return Table(
        values=values,
        is_name=np.zeros(values.shape[1], np.bool_),
        is_fake=is_fake,
        group=np.arange(count),
        dataset=np.full(count, "one") if dataset is None else dataset,
    )


def split(count: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Train, validation and test flags, 60/20/20."""
    place = np.random.default_rng(seed).permutation(count) / count
    return place < 0.6, (place >= 0.6) & (place < 0.8), place >= 0.8


def measure_test_auc(table: Table, seed: int, chosen: NDArray[np.bool_] | None = None) -> float:
    train, validation, test = split(len(table.is_fake), seed)
    score = predict_per_dataset(table, train, validation, seed)
    asked = test if chosen is None else test & chosen
    return auc(table.is_fake[asked], score[asked])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shortcut_of_size_is_found_whatever_its_unit(seed: int):
    random = np.random.default_rng(seed)
    is_fake = random.random(400) < 0.5
    size = np.exp(random.normal(size=400) + 1.5 * is_fake)
    values = np.stack([size * 1e6, random.normal(size=400)], axis=1)
    assert measure_test_auc(make_table(values, is_fake), seed) > 0.75


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shortcut_that_only_trees_find_is_found(seed: int):
    """Fake where exactly one of two numbers is large: each alone, and any sum of bends of each, tells nothing."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(800, 2))
    is_fake = (values[:, 0] > 0) != (values[:, 1] > 0)
    assert measure_test_auc(make_table(values, is_fake), seed) > 0.85


@pytest.mark.parametrize("seed", SEEDS)
def test_a_weak_shortcut_spread_over_many_numbers_is_found_with_few_items(seed: int):
    """A sum of twelve weak effects, seventy training items: what trees are too hungry for."""
    random = np.random.default_rng(100 + seed)
    is_fake = np.arange(600) % 2 == 0
    values = random.normal(size=(600, 12)) + 0.6 * is_fake[:, None]
    table = make_table(values, is_fake)
    train = np.arange(600) < 70
    validation = (np.arange(600) >= 70) & (np.arange(600) < 100)
    score = predict_per_dataset(table, train, validation, seed)
    assert auc(is_fake[100:], score[100:]) > 0.8


def test_random_labels_cannot_be_predicted():
    found = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        table = make_table(random.normal(size=(400, 6)), random.random(400) < 0.5)
        found.append(measure_test_auc(table, seed))
    assert abs(float(np.mean(found)) - 0.5) < 0.06


@pytest.mark.parametrize("seed", SEEDS)
def test_opposite_shortcuts_of_two_datasets_are_both_found(seed: int):
    """Fakes are larger in one dataset and smaller in the other: one classifier for both would see nothing."""
    random = np.random.default_rng(seed)
    dataset = np.where(np.arange(600) % 2 == 0, "one", "two")
    is_fake = random.random(600) < 0.5
    sign = np.where(dataset == "one", 1.0, -1.0)
    values = (random.normal(size=600) + 2.0 * sign * is_fake)[:, None]
    table = make_table(values, is_fake, dataset)
    for name in ("one", "two"):
        assert measure_test_auc(table, seed, dataset == name) > 0.8


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dataset_without_training_items_is_scored_by_what_the_others_share(seed: int):
    random = np.random.default_rng(seed)
    dataset = np.where(np.arange(600) < 400, "known", "unseen")
    is_fake = random.random(600) < 0.5
    values = (random.normal(size=600) + 2.0 * is_fake)[:, None]
    known = dataset == "known"
    train, validation = known & (np.arange(600) < 300), known & (np.arange(600) >= 300)
    score = predict_per_dataset(make_table(values, is_fake, dataset), train, validation, seed)
    assert auc(is_fake[~known], score[~known]) > 0.8


def test_the_same_seed_gives_the_same_scores():
    random = np.random.default_rng(0)
    table = make_table(random.normal(size=(500, 4)), random.random(500) < 0.5)
    train, validation, _ = split(500, 0)
    first, second = (predict_per_dataset(table, train, validation, 3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
