"""Sentences on what figures hide: calls that are all the same, small datasets, shortcuts in the evaluated data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_evaluation import Made

from unmask.cache.weights.seen_datasets import SeenDataset
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.results import ScoreTable, read_evaluation, write_evaluation
from unmask.evaluation.score_tables import Scorer, measure
from unmask.evaluation.sentences import (
    describe_calls,
    describe_seen,
    describe_shortcuts,
    describe_small,
    list_flagged,
)
from unmask.evaluation.terminal_table import RED, format_evaluation, render_evaluation
from unmask.manifests.manifest import MediaRow


def items_of(**labels: str) -> ItemSet:
    """items_of(a="fr") : dataset a with a fake and a real item."""
    rows = [
        MediaRow(
            media_id=f"{number:032x}",
            dataset=name,
            domain_id=number,
            path=f"{number}.wav",
            kind="audio",
            label=int(letter == "f"),
            method="tts" if letter == "f" else "none",
        )
        for number, (name, letter) in enumerate((name, letter) for name, text in labels.items() for letter in text)
    ]
    return ItemSet(tuple(rows))


@pytest.mark.parametrize(("word", "share"), [("fake", 0.4), ("real", 0.6)])
def test_everything_called_the_same_is_said(word: str, share: float) -> None:
    items = items_of(a="frr", b="fr")
    (sentence,) = describe_calls(items, np.full(5, word == "fake"), 0.334)
    assert sentence.startswith(f"Everything was called {word}: all 5 scores are ")
    assert "threshold of 0.334" in sentence
    assert f"accuracy of {share:.3f} is only the share of {word} items" in sentence


def test_a_dataset_in_which_everything_was_called_the_same_is_named() -> None:
    items = items_of(a="frr", b="fr", only_fakes="ff", c="fr")
    called = np.array([True, True, True, False, False, True, True, True, False])
    fake, real = describe_calls(items, called, 0.5)
    assert fake == "Everything was called fake in a: their accuracy says nothing."
    assert real == "Everything was called real in b: their accuracy says nothing."
    assert describe_calls(items, items.is_fake, 0.5) == []
    assert describe_calls(items_of(only_fakes="ff"), np.ones(2, np.bool_), 0.5) == [], "they are fake"


def table_of(items: ItemSet) -> ScoreTable:
    return measure(items, Scorer("model", "made up", np.linspace(0, 1, len(items)), 0.5), seed=0).table


def test_small_datasets_are_named() -> None:
    (sentence,) = describe_small(table_of(items_of(large="frfrfrfrfr", few="frfr", only_fakes="ff")))
    assert sentence.startswith("Fewer than 5 real or fake items in few: ")
    assert "macro 5+ leaves them out" in sentence
    assert "no dataset has more" in describe_small(table_of(items_of(few="frfr")))[0]
    assert describe_small(table_of(items_of(large="frfrfrfrfr"))) == []


def test_shortcuts_of_the_evaluated_data_stand_beside_the_result(made: Made) -> None:
    lines = describe_shortcuts(made.evaluation)
    unknown = " (all its files; not known for the test files alone)"
    assert lines[0] == (f"Shortcut in the test data, celeb_df: length: AUC 1.000{unknown}", True)
    assert lines[1][0].startswith("Suspected shortcut in the test data, archive: length: AUC 0.700")
    assert "Audited" in lines[2][0]


def test_what_the_audit_knows_of_the_evaluated_files_alone_decides(made: Made) -> None:
    flagged, suspect = made.evaluation.shortcuts

    def describe(**splits: float) -> tuple[list[str], list[tuple[str, bool]]]:
        shortcuts = (replace(flagged, splits=splits), suspect)
        evaluation = replace(made.evaluation, shortcuts=shortcuts)
        return list_flagged(evaluation), describe_shortcuts(evaluation)

    names, lines = describe(test=0.97, train=0.2)
    assert names == ["celeb_df"]
    assert lines[0][0].endswith("(all its files; AUC 0.970 in the test files alone)")
    names, lines = describe(test=0.52, train=1.0)
    assert names == []
    clear = "No shortcut in the test data, celeb_df (AUC 0.520), but in all files of the dataset: length: AUC 1.000"
    assert (clear, False) in lines
    assert describe(train=0.2)[0] == ["celeb_df"], "nothing is known of the test files"


@pytest.mark.parametrize(("audit", "text"), [("headers", "only the file headers"), ("none", "Not audited for")])
def test_a_result_without_an_audit_says_how_to_get_one(made: Made, audit: str, text: str) -> None:
    lines = describe_shortcuts(replace(made.evaluation, audit=audit, shortcuts=()))  # type: ignore[arg-type]
    assert len(lines) == 1
    assert text in lines[0][0]
    assert "unmask audit" in lines[0][0]


def test_an_encoder_that_was_trained_on_an_evaluated_dataset_is_named_in_red(made: Made, tmp_path) -> None:
    gend = {"encoder": "gend", "known_by": "hub yermandy/GenD_PE_L"}
    seen = (
        SeenDataset(dataset="faceforensics", trained_on="faceforensics", **gend),
        SeenDataset(dataset="dff", trained_on="faceforensics", **gend),
        SeenDataset(encoder="speaker", known_by="the profile", dataset="fakeavceleb", trained_on="VoxCeleb2"),
    )
    evaluation = replace(made.evaluation, seen=seen)
    assert describe_seen(evaluation) == [
        (
            "Seen in training: the encoder gend was trained on faceforensics, dff (by faceforensics), as hub "
            "yermandy/GenD_PE_L says: results there are not those of unseen data.",
            True,
        ),
        (
            "Seen in training: the encoder speaker was trained on fakeavceleb (by VoxCeleb2), as the profile says: "
            "results there are not those of unseen data.",
            True,
        ),
    ]
    (red,) = [one for one in render_evaluation(evaluation).renderables if "encoder gend" in str(one)]
    assert red.style == RED
    assert "Seen in training" not in format_evaluation(made.evaluation)
    write_evaluation(tmp_path, evaluation)
    assert read_evaluation(tmp_path) == evaluation
