"""How schemes are written, and what is said to those who write them wrongly."""

from __future__ import annotations

import pytest

from unmask.core.errors import UsageError
from unmask.manifests.splits.grammar import FORMS, Scheme, parse
from unmask.manifests.splits.schemes import SCHEMES


def test_every_form_has_a_scheme_and_every_scheme_a_form():
    assert set(FORMS) == set(SCHEMES)


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("grouped", Scheme(name="grouped")),
        ("official-strict", Scheme(name="official-strict")),
        ("leave-one-out:celeb_df", Scheme(name="leave-one-out", tested=("celeb_df",))),
        (
            "cross:faceforensics->celeb_df",
            Scheme(name="cross", trained=("faceforensics",), tested=("celeb_df",)),
        ),
        (
            "cross:dff,dfd_faces->celeb_df,fakeavceleb",
            Scheme(name="cross", trained=("dfd_faces", "dff"), tested=("celeb_df", "fakeavceleb")),
        ),
        (
            "cross:faceforensics@official->celeb_df@official",
            Scheme(
                name="cross",
                trained=("faceforensics",),
                tested=("celeb_df",),
                trained_official=True,
                tested_official=True,
            ),
        ),
        ("folds:5/0", Scheme(name="folds", folds=5, fold=0)),
        ("folds:5/4@fakeavceleb", Scheme(name="folds", folds=5, fold=4, trained=("fakeavceleb",))),
        ("leave-two-out:deepvoice/27", Scheme(name="leave-two-out", tested=("deepvoice",), fold=27)),
        ("mrdf:3", Scheme(name="mrdf", trained=("fakeavceleb",), folds=5, fold=3)),
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
        ("leave-one-out:a,b", "one dataset"),
        ("cross:faceforensics-", "did the shell take the >"),
        ("cross:a->", "both sides"),
        ("cross:a,b->b", "b cannot be on both sides"),
        ("cross:a,,b->c", "no list of datasets"),
        ("folds:5", "which one is test"),
        ("folds:2/0", "not between 3 and 50"),
        ("folds:5/5", "the last of 5 folds is 4"),
        ("folds:-5/1", "number of folds"),
        ("leave-two-out:deepvoice", "which pair"),
        ("mrdf:x", "which fold"),
        ("mrdf:5", "the last of 5 folds is 4"),
    ],
)
def test_what_is_wrong_is_told_with_an_example(text, problem):
    with pytest.raises(UsageError, match=problem) as refused:
        parse(text)
    assert refused.value.hint
    assert text in refused.value.problem
