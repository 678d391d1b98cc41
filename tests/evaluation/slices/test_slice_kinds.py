"""Which items each kind of slice takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.slices.identity_attributes import read_attributes
from unmask.evaluation.slices.kinds import SLICE_KINDS
from unmask.evaluation.slices.results import EVERYTHING
from unmask.manifests.manifest import MediaRow


def media(number: int, dataset: str, label: int, **more: Any) -> MediaRow:
    about = {"path": f"{number}.mp4", "kind": "video", "method": "swap" if label else "none"}
    return MediaRow(
        media_id=f"{number:032x}",
        dataset=dataset,
        domain_id=0,
        label=label,
        group=f"g{number}",
        split="test",
        **{**about, **more},
    )


def find(kind: str, *rows: MediaRow) -> dict[tuple[str, str], list[int]]:
    """(dataset, name) -> numbers of the member rows."""
    items = ItemSet(rows)
    entry = next(one for one in SLICE_KINDS if one.name == kind)
    return {(one.dataset, one.name): np.flatnonzero(one.members).tolist() for one in entry.find(items)}


def test_a_method_is_compared_with_all_real_items_of_its_own_dataset() -> None:
    found = find(
        "method",
        media(0, "a", 0),
        media(1, "a", 1, method="swap"),
        media(2, "a", 1, method="lips"),
        media(3, "b", 0),
        media(4, "b", 1, method="swap"),
    )
    assert found == {("a", "lips"): [0, 2], ("a", "swap"): [0, 1], ("b", "swap"): [3, 4]}


def test_a_dataset_of_unknown_methods_has_no_row_per_method() -> None:
    assert find("method", media(0, "a", 0), media(1, "a", 1, method="unknown")) == {}
    mixed = find("method", media(0, "a", 0), media(1, "a", 1, method="unknown"), media(2, "a", 1))
    assert set(mixed) == {("a", "swap"), ("a", "unknown")}


def test_a_compression_level_holds_both_classes_at_that_level() -> None:
    rows = (
        media(0, "a", 0, compression="c23"),
        media(1, "a", 0, compression="c40"),
        media(2, "a", 1, compression="c23"),
        media(3, "a", 1, compression="c40", method="lips"),
        media(4, "a", 1),
    )
    assert find("compression", *rows) == {("a", "c23"): [0, 2], ("a", "c40"): [1, 3]}
    assert find("method_compression", *rows) == {("a", "swap, c23"): [0, 2], ("a", "lips, c40"): [1, 3]}
    assert find("method_compression", *rows[::2]) == {}, "one level: the rows per method say it"


def test_categories_are_compared_with_real_video_and_real_audio() -> None:
    rows = (
        media(0, "a", 0, video_fake=False, audio_fake=False),
        media(1, "a", 1, video_fake=False, audio_fake=True),
        media(2, "a", 1, video_fake=True, audio_fake=False),
        media(3, "a", 1, video_fake=True, audio_fake=True),
        media(4, "a", 1, video_fake=True),
        media(5, "b", 0, video_fake=False, audio_fake=False),
    )
    assert find("category", *rows) == {
        ("a", "real video, real audio"): [0],
        ("a", "real video, fake audio"): [0, 1],
        ("a", "fake video, real audio"): [0, 2],
        ("a", "fake video, fake audio"): [0, 3],
    }


def test_kinds_of_media_are_of_all_datasets_and_of_those_that_mix_them() -> None:
    rows = (
        media(0, "a", 0, kind="image"),
        media(1, "b", 1, kind="image"),
        media(2, "b", 1, kind="audio"),
    )
    assert find("media", *rows) == {
        (EVERYTHING, "audio"): [2],
        (EVERYTHING, "image"): [0, 1],
        ("b", "audio"): [2],
        ("b", "image"): [1],
    }


def test_people_of_fakeavceleb_are_told_apart_by_the_folders() -> None:
    place = "FakeAVCeleb_v1.2/RealVideo-RealAudio/Asian (South)/women/id00012/00021.mp4"
    assert read_attributes("fakeavceleb", place) == {"race": "Asian (South)", "gender": "women"}
    flat = media(2, "fakeavceleb", 1, path="videos/00021.mp4")
    rows = (
        media(0, "fakeavceleb", 0, path=place),
        media(1, "fakeavceleb", 1, path=place.replace("women", "men").replace("Real", "Fake")),
        flat,
    )
    assert find("attribute", *rows) == {
        ("fakeavceleb", "gender: men"): [1],
        ("fakeavceleb", "gender: women"): [0],
        ("fakeavceleb", "race: Asian (South)"): [0, 1],
    }


@pytest.mark.parametrize("path", ["videos/1.mp4", "id00012/1.mp4", "men/id00012/1.mp4", "African/men/id00012/1.mp4"])
def test_folders_that_lack_the_type_name_no_attribute(path: str) -> None:
    assert read_attributes("fakeavceleb", path) == {}
    assert read_attributes("another", f"a/b/c/{path}") == {}
