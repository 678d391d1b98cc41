"""What is reused and what is computed again, case by case."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.cache import encoder_runner as runner
from unmask.cache.stage import extract, open_tokens
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import AugmentationSettings, EncoderChoice, Profile
from unmask.preprocess.shards.shard_plan import get_media_folder

CPU = torch.device("cpu")
KINDS = ("image-1", "audio-2", "video-3", "image-4")


class Counter:
    """How many inputs encoders were given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inputs = 0
        before = runner.Runner._encode_batch

        def counted(this: Any, batch: Any, *options: Any) -> list[torch.Tensor]:
            self.inputs += len(batch)
            return before(this, batch, *options)

        monkeypatch.setattr(runner.Runner, "_encode_batch", counted)

    def since(self) -> int:
        counted, self.inputs = self.inputs, 0
        return counted


@pytest.fixture
def counter(monkeypatch) -> Counter:
    return Counter(monkeypatch)


@pytest.fixture
def filled(media, counter) -> Any:
    media.add(*KINDS)
    run(media)
    assert counter.since() > 0
    return media


def run(media: Any, profile: Profile | None = None, *, device: str = "cpu", batch_size: int = 64) -> None:
    reports = extract(
        media.manifest, profile or media.profile, media.work, device=torch.device(device), batch_size=batch_size
    )
    for report in reports:
        report.check(0.0)


def choices(media: Any, **changes: Any) -> Profile:
    """The tiny profile with its image encoder changed."""
    first, *others = media.profile.encoders
    return media.profile.model_copy(update={"encoders": (first.model_copy(update=changes), *others)})


def split_anew(media: Any) -> None:
    media.rows[:] = [replace(row, split="test", split_scheme="another") for row in media.rows]


NOTHING: dict[str, Callable[[Any], None]] = {
    "the same call again": lambda media: run(media),
    "another batch size": lambda media: run(media, batch_size=1),
    "another split": lambda media: (split_anew(media), run(media)),
    "another order of encoders": lambda media: run(
        media, media.profile.model_copy(update={"encoders": media.profile.encoders[::-1]})
    ),
    "fewer items": lambda media: (media.rows.pop(), run(media)),
    "another name of the profile": lambda media: run(media, media.profile.model_copy(update={"name": "mine"})),
    "the default, said aloud": lambda media: run(media, choices(media, projection="orthogonal-seed0", grid=1)),
}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_another_device_encodes_nothing(filled, counter):
    run(filled, device="cuda")
    assert counter.since() == 0


@pytest.mark.parametrize("change", NOTHING)
def test_it_encodes_nothing(filled, counter, change):
    NOTHING[change](filled)
    assert counter.since() == 0
    assert len(open_tokens(filled.work, filled.manifest).stores) == 3


ANEW: dict[str, dict[str, Any]] = {
    "layer": {"layer": 1},
    "layers": {"layer": (1, 2)},
    "pooling": {"grid": 2},
    "projection": {"projection": "orthogonal-seed1"},
    "native width": {"projection": "native"},
    "precision": {"precision": "float32"},
}


@pytest.mark.parametrize("change", ANEW)
def test_it_makes_a_new_cache_beside_the_old_one(filled, counter, change):
    before = {path: path.stat().st_mtime_ns for path in filled.work.tokens.glob("*/shard-*")}
    folders = {path.name for path in filled.work.tokens.glob("*-*") if path.is_dir()}
    run(filled, choices(filled, **ANEW[change]))
    faces = 2 + 8  # two images, and two clips of four frames
    assert counter.since() == faces, "the picture encoder alone, once for each face"
    after = {path.name for path in filled.work.tokens.glob("*-*") if path.is_dir()}
    assert folders < after
    assert len(after - folders) == 1
    assert before.items() <= {path: path.stat().st_mtime_ns for path in filled.work.tokens.glob("*/shard-*")}.items()
    run(filled)
    assert counter.since() == 0, "the old one is still whole"


def test_adding_items_encodes_only_those(filled, counter):
    filled.add("image-5")
    run(filled)
    assert counter.since() == 2, "one face and one text"


def test_another_preprocessing_is_another_cache(filled, counter, tmp_path):
    profile = filled.profile.model_copy(update={"preprocess": filled.profile.preprocess.changed({"margin": 0.5})})
    with pytest.raises(MissingInput, match="not preprocessed"):
        run(filled, profile)
    other = type(filled)(filled.work.root, profile)
    other.add(*KINDS)
    run(other)
    assert counter.since() > 0


def test_a_media_shard_made_anew_with_other_content_is_encoded_anew(filled, counter):
    (shard,) = get_media_folder(filled.work, filled.profile.preprocess).glob("shard-*")
    rows, filled.rows[:] = list(filled.rows), []
    shutil.rmtree(shard)

    def louder(item: Any) -> Any:
        return replace(item, clips=tuple(replace(clip, audio=clip.audio // 2) for clip in item.clips))

    filled.add(*(row.path for row in rows), change=louder)
    run(filled)
    assert counter.since() > 0


def test_changing_the_train_split_projects_anew_and_encodes_nothing(filled, counter):
    rows = [replace(row, split="train", split_scheme="a") for row in filled.rows]
    pca = choices(filled, projection="pca")
    filled.rows[:] = rows
    run(filled, pca)
    assert counter.since() == 10, "the native tokens, once"
    first = open_tokens(filled.work, filled.manifest, pca).stores["tiny_image"]
    filled.rows[:] = [replace(row, split="test" if k == 2 else "train") for k, row in enumerate(rows)]
    run(filled, pca)
    assert counter.since() == 0
    second = open_tokens(filled.work, filled.manifest, pca).stores["tiny_image"]
    assert first.spec.projection != second.spec.projection
    assert first.folder != second.folder


def test_more_views_keep_those_that_are_there(filled, counter):
    run(filled, filled.profile.model_copy(update={"views": AugmentationSettings(count=1)}))
    one = counter.since()
    assert one == 10 + 4, "ten faces and four sounds, no text"
    run(filled, filled.profile.model_copy(update={"views": AugmentationSettings(count=2)}))
    assert counter.since() == one
    run(filled, filled.profile.model_copy(update={"views": AugmentationSettings(count=2, seed=1)}))
    assert counter.since() == 2 * one
    run(filled)
    assert counter.since() == 0


def test_a_foreign_or_edited_cache_is_refused(filled):
    store = open_tokens(filled.work, filled.manifest).stores["tiny_image"]
    spec: Path = store.folder / "spec.json"
    spec.write_text(spec.read_text().replace('"native_dim": 64', '"native_dim": 65'))
    with pytest.raises(MissingInput, match="damaged since it was written"):
        open_tokens(filled.work, filled.manifest)
    run(filled)  # writes it again
    assert open_tokens(filled.work, filled.manifest).stores["tiny_image"].spec.native_dim == 64


def test_an_encoder_that_is_new_in_the_profile_is_the_only_one_that_runs(filled, counter):
    more = (*filled.profile.encoders, EncoderChoice(name="metadata"))
    run(filled, filled.profile.model_copy(update={"encoders": more}))
    clips = len(open_tokens(filled.work, filled.manifest).stores["metadata"])
    assert counter.since() == clips
