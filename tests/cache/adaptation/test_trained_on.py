"""Tokens of adapted weights are refused where a split holds out what the weights have seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from labeled_media import CPU, FAST, make_manifest, use

from unmask.cache.adaptation.settings import AdaptSettings
from unmask.cache.adaptation.stage import adapt
from unmask.cache.export.transfer import export_hdf5, import_hdf5
from unmask.cache.stage import extract, open_tokens
from unmask.cache.weights.trained_on import count_seen, find_trained_on, hash_links, read_trained_on
from unmask.core.errors import MissingInput
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest

Labeled = Callable[[str], Manifest]


@pytest.fixture
def adapted(media: Any, labeled: Labeled, local_models: dict[str, str]) -> Path:
    """Weights that were adapted on the split of `labeled`."""
    profile = use(media.profile, "timm:test_vit", local_models["vit_b16"])
    extract(labeled("image"), profile, media.work, device=CPU)
    settings = AdaptSettings(**{**FAST, "epochs": 1})
    return adapt(make_manifest(media.rows), profile, media.work, "timm:test_vit", settings, device=CPU)[0]


def split(media: Any, **of: str) -> Manifest:
    """Every item as it was; those of split `was` are in split `now`: split(media, train="test")."""
    return make_manifest([replace(row, split=of.get(row.split, row.split), split_scheme="b") for row in media.rows])


def test_adapted_weights_make_a_store_of_their_own_which_knows_what_they_have_seen(media: Any, adapted: Path) -> None:
    before = sorted(path.name for path in media.work.tokens.iterdir() if path.is_dir())
    profile = use(media.profile, "timm:test_vit", adapted)
    (report,) = extract(make_manifest(media.rows), profile, media.work, device=CPU)
    assert report.done == 16
    folders = sorted(path.name for path in media.work.tokens.iterdir() if path.is_dir())
    (new,) = set(folders) - set(before)
    assert len(folders) == len(before) + 1
    record = read_trained_on(media.work.tokens / new)
    assert record == read_trained_on(adapted)
    assert record is not None
    train = make_manifest([row for row in media.rows if row.split == "train"])
    assert record.seen["train"] == hash_links(train.table)
    assert record.split_hash == make_manifest(media.rows).split_hash
    assert record.items == {"train": 8, "val": 4}
    # Weights may be named by their file too.
    assert record == find_trained_on(str(adapted / "model.safetensors"))
    assert find_trained_on("timm/resnet50.a1_in1k") is None


def test_tokens_are_refused_where_seen_files_are_held_out(media: Any, adapted: Path, tmp_path: Path) -> None:
    profile = use(media.profile, "timm:test_vit", adapted)
    extract(make_manifest(media.rows), profile, media.work, device=CPU)
    open_tokens(media.work, make_manifest(media.rows))
    open_tokens(media.work, split(media, val="train"))
    open_tokens(media.work, split(media, test="train"))
    for changed, counts in (({"train": "test"}, "8 test"), ({"train": "val"}, "8 val"), ({"val": "test"}, "4 test")):
        with pytest.raises(MissingInput, match=f"adapted on {counts} files") as refused:
            open_tokens(media.work, split(media, **changed))
        assert "unmask adapt on this split" in refused.value.hint
    # The export takes the record along.
    export_hdf5(media.work, tmp_path / "all.h5")
    other = WorkFolder(tmp_path / "other")
    other.root.mkdir()
    (other.root / "media").symlink_to(media.work.media.absolute())
    import_hdf5(other, tmp_path / "all.h5")
    open_tokens(other, make_manifest(media.rows))
    with pytest.raises(MissingInput, match="adapted on 8 test files"):
        open_tokens(other, split(media, train="test"))


def test_another_file_of_a_seen_identity_recording_or_content_counts_as_seen(media: Any, adapted: Path) -> None:
    record = read_trained_on(adapted)
    assert record is not None
    new = {"media_id": "f" * 32, "people": ("new",), "group": "new", "content": "new", "split": "test"}
    seen = media.rows[0]
    assert seen.split == "train"

    def count(**links: Any) -> int:
        return count_seen(record, make_manifest([replace(seen, **new | links)])).get("test", 0)

    assert count() == 0
    assert count(people=("new", "person-0")) == 1
    assert count(sources=("person-0",)) == 1
    assert count(content=seen.content) == 1
    assert count(media_id=seen.media_id) == 1
    assert count(people=("person-0",), split="train") == 0
