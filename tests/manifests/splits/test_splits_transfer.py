"""One dataset against the others: what the test has is never trained on, whatever dataset it is in."""

from __future__ import annotations

import pytest
from casts import cells, leaks, row, splits_by_name
from test_split_datasets import celeb_df, deep_voice, ffpp

from unmask.core.errors import UsageError
from unmask.manifests.splits.schemes import assign


def people(dataset: str, count: int, prefix: str = ""):
    return [
        row(f"{n}{label}", label, f"{prefix or dataset}:{n}", dataset=dataset) for n in range(count) for label in (0, 1)
    ]


def test_the_dataset_left_out_is_all_test_and_the_others_are_train_and_val():
    found = cells(assign(people("mine", 40) + people("yours", 20) + people("theirs", 10), "leave-one-out:theirs", 0))
    assert found["theirs", 0, "test"] == found["theirs", 1, "test"] == 10
    assert (found["mine", 0, "train"], found["mine", 0, "val"]) == (34, 6)
    assert (found["yours", 1, "train"], found["yours", 1, "val"]) == (17, 3)
    assert not found["mine", 0, "test"]


def test_rows_of_the_others_that_share_an_actor_with_it_are_left_out():
    rows = people("faceforensics", 10) + people("dff", 3, "dfd") + people("dfd_faces", 6, "dfd")
    assigned = assign(rows, "leave-one-out:dff", 0)
    shared = [r for r in assigned if r.dataset == "dfd_faces"]
    assert [r.split for r in shared] == [None] * 6 + [r.split for r in shared[6:]]
    assert all(r.split in ("train", "val") for r in shared[6:])
    assert leaks(assigned) == {}


def test_only_what_touches_the_test_is_left_out_not_all_that_is_connected_with_it():
    rows = [*people("mine", 20), row("t", 1, "ann", dataset="yours"), row("t0", 0, dataset="yours")]
    rows += [row("swap", 1, "ann", "bob"), row("bob", 0, "bob")]
    splits = splits_by_name(assign(rows, "leave-one-out:yours", 0))
    assert splits["swap"] is None
    assert splits["bob"] in ("train", "val")


def test_cross_uses_the_named_datasets_and_no_other():
    rows = people("mine", 20) + people("yours", 20) + people("theirs", 20)
    assigned = assign(rows, "cross:mine->yours", 0)
    found = cells(assigned)
    assert {(dataset, split) for dataset, _, split in found} == {
        ("mine", "train"),
        ("mine", "val"),
        ("yours", "test"),
        ("theirs", None),
    }
    assert assigned[0].split_scheme == "cross:mine->yours-v2-seed0"


def test_the_published_train_and_test_can_be_crossed():
    rows = ffpp() + [row(f"c{n}", n % 2, dataset="celeb_df", official="test" if n < 6 else "train") for n in range(20)]
    found = cells(assign(rows, "cross:faceforensics@official->celeb_df@official", 0))
    assert found["celeb_df", 0, "test"] + found["celeb_df", 1, "test"] == 6
    assert not any(found["faceforensics", label, "test"] for label in (0, 1))
    # Of 720 and 140 sequences, those of train that share a video with val are left out; the published test is not used.
    assert found["faceforensics", 0, "val"] == 140
    assert 713 <= found["faceforensics", 0, "train"] <= 720


def test_celeb_df_in_training_is_cut_between_people():
    rows = celeb_df() + people("mine", 20)
    assigned = assign(rows, "leave-one-out:mine", 0)
    found = cells(assigned)
    assert leaks(assigned) == {}
    assert min(found["celeb_df", label, split] for label in (0, 1) for split in ("train", "val")) > 50
    assert not found["celeb_df", 1, "test"]


def test_the_demonstration_left_out_takes_its_speakers_out_of_deep_voice():
    demo = [
        row("linus-original", 0, "deepvoice:linus", dataset="deepvoice_demo"),
        row("linus-to-musk", 1, "deepvoice:linus", "deepvoice:musk", dataset="deepvoice_demo"),
    ]
    assigned = assign(deep_voice() + demo, "leave-one-out:deepvoice_demo", 0)
    trained = {person for r in assigned if r.split in ("train", "val") for person in r.people}
    assert len(trained) == 6
    assert not trained & {"deepvoice:linus", "deepvoice:musk"}


def test_a_dataset_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(UsageError, match="the manifest has no dataset celebdf") as refused:
        assign(people("mine", 3), "leave-one-out:celebdf", 0)
    assert "mine" in refused.value.hint


def test_nothing_left_to_train_on_is_refused():
    with pytest.raises(UsageError, match="nothing is left for train"):
        assign(people("mine", 4), "leave-one-out:mine", 0)
    with pytest.raises(UsageError, match="nothing is left for train"):
        assign(people("mine", 4, "dfd") + people("yours", 4, "dfd"), "cross:mine->yours", 0)
