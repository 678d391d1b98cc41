"""How schemes are written, and the errors for wrong ones."""

from __future__ import annotations

import pytest

from unmask.core.errors import UsageError
from unmask.manifests.splits.grammar import Fold, IdentityPair, Transfer
from unmask.manifests.splits.registry import ChosenScheme, parse


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("grouped", ChosenScheme("grouped")),
        ("official-strict", ChosenScheme("official-strict")),
        ("leave-one-out:celeb_df", ChosenScheme("leave-one-out", "celeb_df")),
        (
            "cross:faceforensics->celeb_df",
            ChosenScheme("cross", Transfer(train=("faceforensics",), test=("celeb_df",))),
        ),
        (
            "cross:dff,dfd_faces->celeb_df,fakeavceleb",
            ChosenScheme("cross", Transfer(train=("dfd_faces", "dff"), test=("celeb_df", "fakeavceleb"))),
        ),
        (
            "cross:faceforensics@official->celeb_df@official",
            ChosenScheme(
                "cross",
                Transfer(train=("faceforensics",), test=("celeb_df",), train_official=True, test_official=True),
            ),
        ),
        ("folds:5/0", ChosenScheme("folds", Fold(5, 0))),
        ("folds:5/4@fakeavceleb", ChosenScheme("folds", Fold(5, 4, ("fakeavceleb",)))),
        ("leave-two-out:deepvoice/27", ChosenScheme("leave-two-out", IdentityPair("deepvoice", 27))),
        ("mrdf:3", ChosenScheme("mrdf", Fold(5, 3, ("fakeavceleb",)))),
    ],
)
def test_a_scheme_is_read_and_written_back(text, scheme):
    assert parse(text) == scheme
    assert parse(str(scheme)) == scheme


def test_other_spellings_mean_the_same():
    assert parse("leave-one-dataset-out:dff") == parse(" leave-one-out:dff ")
    assert parse("cross:dff:celeb_df") == parse("cross: dff -> celeb_df")
    assert str(parse("cross:b,a->d,c")) == "cross:a,b->c,d"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("random", "no such split scheme"),
        ("", "no such split scheme"),
        ("grouped:5", "takes nothing"),
        ("leave-one-out", "missing"),
        ("leave-one-out:a,b", "exactly one dataset"),
        ("cross:faceforensics-", "did the shell take the >"),
        ("cross:a->", "both sides"),
        ("cross:a,b->b", "b cannot be on both sides"),
        ("cross:a,,b->c", "is not a list of datasets"),
        ("folds:5", "number of the test fold"),
        ("folds:2/0", "not between 3 and 50"),
        ("folds:5/5", "the last of 5 folds is 4"),
        ("folds:-5/1", "number of folds"),
        ("leave-two-out:deepvoice", "number of the pair"),
        ("mrdf:x", "number of the test fold"),
        ("mrdf:5", "the last of 5 folds is 4"),
    ],
)
def test_a_wrong_scheme_is_an_error_with_an_example(text, problem):
    with pytest.raises(UsageError, match=problem) as refused:
        parse(text)
    assert refused.value.hint
    assert text in refused.value.problem
