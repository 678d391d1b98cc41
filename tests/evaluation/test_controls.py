"""Controls on data whose shortcut is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from unmask.evaluation.controls import (
    score_headers,
    score_level,
    score_majority,
    score_mean_tokens,
    score_modality_mask,
    score_silence,
    score_text,
)
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.score_tables import Scorer, measure
from unmask.manifests.manifest import MediaRow


def item(number: int, label: int, split: str, **facts: object) -> MediaRow:
    known: dict[str, object] = {"dataset": "made", "domain_id": 0, "kind": "video", "group": f"g{number}"}
    method = "swap" if label else "none"
    path = f"{number}.mp4"
    return MediaRow(media_id=f"{number:032x}", path=path, label=label, method=method, split=split, **{**known, **facts})


def made(count: int = 300, seed: int = 0, *, leak: bool = False) -> ItemSet:
    """Half train, a quarter val and test; sizes are random, or 10 % larger for fakes if they `leak`."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        label = int(random.random() < 0.5)
        size = int(random.integers(90_000, 99_000) * (1.1 if leak and label else 1.0))
        split = ("train", "val", "train", "test")[number % 4]
        rows.append(item(number, label, split, bytes=size, width=640, height=360, frames=50, duration_s=2.0))
    return ItemSet(tuple(rows))


def auc_on_test(items: ItemSet, scorer: Scorer) -> float:
    test = items.split == "test"
    return float(roc_auc_score(items.is_fake[test], scorer.score[test]))


def test_a_metadata_shortcut_is_found() -> None:
    items = made(leak=True)
    probe = score_headers(items, seed=0)
    assert auc_on_test(items, probe) > 0.99
    assert measure(items.only(items.split == "test"), on_test(items, probe), seed=0).table.row("pooled").auc > 0.99


def test_a_word_of_the_transcript_is_a_control_of_its_own() -> None:
    rows = [
        item(number, number // 4 % 2, ("train", "val", "train", "test")[number % 4], text=text)
        for number in range(200)
        for text in [f"sentence {number % 7} {'cloned' if number // 4 % 2 else 'spoken'}" if number % 5 else None]
    ]
    items = ItemSet(tuple(rows))
    control = score_text(items)
    assert control.applies is not None
    assert control.applies.tolist() == [number % 5 > 0 for number in range(200)]
    test = (items.split == "test") & control.applies
    assert roc_auc_score(items.is_fake[test], control.score[test]) == 1.0
    assert len(set(control.score[~control.applies].tolist())) == 1


def test_random_metadata_is_worth_a_coin_toss() -> None:
    found = [auc_on_test(items, score_headers(items, seed=0)) for items in (made(600, seed) for seed in range(4))]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def on_test(items: ItemSet, scorer: Scorer) -> Scorer:
    test = items.split == "test"
    return Scorer(scorer.name, scorer.about, scorer.score[test], scorer.threshold)


def test_the_majority_guess_is_exact() -> None:
    # a: 3 of 4 training items fake, so "fake" is right for 1 of 2; b: 0 of 2 fake, so "real" is right for 3 of 3.
    labels = {
        "a": [(1, "train")] * 3 + [(0, "train"), (1, "test"), (0, "test")],
        "b": [(0, "train")] * 2 + [(0, "test")] * 3,
    }
    rows = [
        item(n + 100 * d, label, split, dataset=name, domain_id=d)
        for d, (name, entries) in enumerate(labels.items())
        for n, (label, split) in enumerate(entries)
    ]
    items = ItemSet(tuple(rows))
    table = measure(items.only(items.split == "test"), on_test(items, score_majority(items)), seed=0).table
    assert table.row("a")["accuracy"] == 0.5
    assert table.row("a").auc == 0.5
    assert table.row("b")["accuracy"] == 1.0
    assert table.row("b").auc is None
    assert table.row("pooled")["accuracy"] == 0.8


def test_an_unknown_dataset_gets_the_prior_of_all() -> None:
    rows = [item(0, 1, "train"), item(1, 1, "train"), item(2, 1, "train"), item(3, 0, "train")]
    items = ItemSet((*rows, item(4, 0, "test", dataset="new", domain_id=1)))
    assert score_majority(items).score[-1] == 0.75


@pytest.mark.parametrize("score", [score_silence, score_level])
@pytest.mark.parametrize("column", range(4))
def test_facts_of_audio_are_shortcuts_where_there_is_audio_and_nothing_elsewhere(score, column: int) -> None:
    items = made(400)
    random = np.random.default_rng(1)
    values = random.random((400, 4))
    values[:, column] = np.where(items.is_fake, 0.05, 0.5) + 0.1 * random.random(400)
    values[::3] = np.nan
    control = score(items, values, seed=0)
    has_audio = np.isfinite(values[:, 0])
    test = (items.split == "test") & has_audio
    assert roc_auc_score(items.is_fake[test], control.score[test]) > 0.99
    assert control.applies is not None
    assert (control.applies == has_audio).all()
    assert len(np.unique(control.score[~has_audio])) == 1
    nothing = score(items, np.full((400, 4), np.nan), seed=0)
    assert measure(items, nothing, seed=0).table.row("made").auc is None


def test_silence_says_nothing_about_a_dataset_of_images() -> None:
    items = made(40)
    probe = score_silence(items, np.full((40, 4), np.nan), seed=0)
    row = measure(items, probe, seed=0).table.row("made")
    assert (row.auc, row["accuracy"]) == (None, None)
    assert row.n_real + row.n_fake == 40


def test_streams_that_only_fakes_have_give_the_label_away() -> None:
    items = made(200)
    probe = score_modality_mask(items, np.stack([np.ones(200, np.bool_), items.is_fake], axis=1))
    assert auc_on_test(items, probe) == 1.0
    blind = score_modality_mask(items, np.ones((200, 2), np.bool_))
    assert auc_on_test(items, blind) == 0.5


def tokens(items: ItemSet, signal: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    random = np.random.default_rng(3)
    means = random.normal(size=(len(items), 16)).astype(np.float32)
    means[:, 0] += signal * items.is_fake
    present = random.random((len(items), 2)) < 0.8
    means.reshape(-1, 2, 8)[~present] = 0
    return means, present


def test_the_linear_probe_reads_tokens() -> None:
    items = made(400)
    assert auc_on_test(items, score_mean_tokens(items, *tokens(items, 8.0), seed=0)) > 0.85


def test_the_linear_probe_finds_nothing_where_there_is_nothing() -> None:
    items = made(800)
    assert auc_on_test(items, score_mean_tokens(items, *tokens(items, 0.0), seed=0)) == pytest.approx(0.5, abs=0.12)


def test_one_class_in_training_gives_every_item_the_same_score() -> None:
    rows = [item(number, 1, "train", bytes=number) for number in range(10)]
    items = ItemSet((*rows, item(20, 0, "test", bytes=3), item(21, 1, "test", bytes=900)))
    assert set(score_headers(items, seed=0).score.tolist()) == {1.0}


def test_the_same_seed_gives_the_same_scores() -> None:
    items = made(120)
    first, second = score_headers(items, seed=0), score_headers(items, seed=0)
    np.testing.assert_array_equal(first.score, second.score)
