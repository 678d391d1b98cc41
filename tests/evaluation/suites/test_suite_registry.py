"""Every suite of the registry: its splits are schemes of `unmask split`, under names of their own."""

from __future__ import annotations

import pytest
from guides import DOCS

from unmask.core.errors import UsageError
from unmask.evaluation.suites.registry import SUITES, parse_suite, write_table
from unmask.manifests.splits.registry import parse

DATASETS = ("archive", "faceforensics", "my videos")


@pytest.mark.parametrize("suite", SUITES.values(), ids=list(SUITES))
def test_the_form_of_a_suite_is_read_back_and_its_splits_are_schemes(suite):
    chosen = parse_suite(suite.form)
    assert (chosen.suite, str(chosen)) == (suite, suite.form)
    splits = chosen.list_splits(DATASETS)
    assert len({split.name for split in splits}) == len(splits) > 0
    for split in splits:
        parse(split.scheme)
        assert all((split.train, split.test)) == suite.grid


def test_the_matrix_has_every_ordered_pair_and_no_diagonal_in_its_mean():
    splits = parse_suite("matrix").list_splits(DATASETS)
    assert {(split.train, split.test) for split in splits} == {(a, b) for a in DATASETS for b in DATASETS}
    assert {split.train for split in splits if not split.averaged} == set(DATASETS)
    assert all(split.averaged == (split.train != split.test) for split in splits)


def test_every_fold_is_a_split():
    assert [split.scheme for split in parse_suite("folds:4").list_splits(())] == [f"folds:4/{n}" for n in range(4)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("matrx", "no such suite"),
        ("loo:3", "takes nothing"),
        ("folds", "number of folds"),
        ("folds:2", "between 3 and 50"),
    ],
)
def test_a_wrong_suite_is_refused_with_the_remedy(text, message):
    with pytest.raises(UsageError, match=message) as raised:
        parse_suite(text)
    assert raised.value.hint


def test_the_guide_has_the_table_of_the_registry():
    assert write_table() in (DOCS / "suites.md").read_text(encoding="utf-8")
