"""A flipped byte in what an earlier stage wrote ends a stage with the name of the file, and never with a result."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.cache.stage import extract, open_tokens
from unmask.cache.store import first_open
from unmask.core.errors import MissingInput

CPU = torch.device("cpu")
ARRAYS = ("faces", "audio", "clip_faces", "clip_start_s", "clip_item", "zarr.json")


def flip_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 64
    path.write_bytes(content)


def run(media: Any) -> None:
    extract(media.manifest, media.profile, media.work, device=CPU)


def find_file(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).is_file() else next(p for p in folder.glob(f"{name}/c/**/*") if p.is_file())


@pytest.mark.parametrize("name", ARRAYS)
def test_no_token_is_made_from_a_damaged_media_shard(media, name):
    media.add("image-1", "video-3")
    shard = next(media.work.media.glob("*/shard-*.zarr"))
    flip_byte(find_file(shard, name))
    with pytest.raises(MissingInput, match=r"damaged since it was written|not a media shard") as refused:
        run(media)
    assert shard.name in refused.value.problem
    assert not list(media.work.tokens.glob("*/shard-*.zarr"))


def test_a_chunk_of_media_that_is_gone_is_not_read_as_zeros(media):
    media.add("video-3")
    find_file(next(media.work.media.glob("*/shard-*.zarr")), "faces").unlink()
    with pytest.raises(MissingInput, match="damaged since it was written"):
        run(media)


@pytest.mark.parametrize("name", ["tokens", "times", "offsets", "zarr.json"])
def test_damaged_tokens_are_refused_on_opening(media, name):
    media.add("image-1", "video-3")
    run(media)
    store = next(media.work.tokens.glob("tiny_image-*"))
    flip_byte(find_file(next(store.glob("shard-*.zarr")), name))
    with pytest.raises(MissingInput):
        open_tokens(media.work, media.manifest)


def test_damage_after_the_first_opening_is_found_too_and_whole_shards_are_read_once(media, monkeypatch):
    monkeypatch.setattr(first_open, "WORTH_NOTING", 0)
    media.add("image-1")
    run(media)
    open_tokens(media.work, media.manifest)
    monkeypatch.setattr(first_open, "find_damage", lambda shard: pytest.fail("was read again"))
    open_tokens(media.work, media.manifest)
    monkeypatch.undo()
    flip_byte(find_file(next(media.work.tokens.glob("tiny_image-*/shard-*.zarr")), "tokens"))
    with pytest.raises(MissingInput, match="damaged since it was written"):
        open_tokens(media.work, media.manifest)


def test_tokens_that_are_made_again_are_opened(media):
    media.add("image-1")
    run(media)
    open_tokens(media.work, media.manifest)
    shutil.rmtree(next(media.work.tokens.glob("tiny_image-*/shard-*.zarr")))
    run(media)
    assert open_tokens(media.work, media.manifest).stores["tiny_image"].lengths.tolist() == [1]
