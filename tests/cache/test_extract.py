"""The stage: what it computes, what it reuses, what it refuses."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unmask.cache import fill_stores as build
from unmask.cache import media_reads
from unmask.cache.encoders import make_encoder
from unmask.cache.projections.projection import projection
from unmask.cache.shard_media import ShardMedia
from unmask.cache.stage import extract, open_tokens
from unmask.cache.store.token_store import TokenStore
from unmask.core.atomic_files import TEMPORARY
from unmask.core.checksums import find_damage
from unmask.core.errors import MissingInput
from unmask.core.files.sealed_files import KEY
from unmask.core.stage_report import StageReport
from unmask.preprocess.profiles import EncoderChoice, Profile

CPU = torch.device("cpu")


def run(media: Any, profile: Profile | None = None, **options: Any) -> dict[str, StageReport]:
    reports = extract(media.manifest, profile or media.profile, media.work, device=CPU, **options)
    for report in reports:
        report.check(1.0)
    return {report.stage.removeprefix("extract "): report for report in reports}


def numbers(reports: dict[str, StageReport]) -> dict[str, tuple[int, int]]:
    return {name: (report.done, report.skipped) for name, report in reports.items()}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def states(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("shard-*/**/*") if path.is_file()}


def test_every_encoder_gets_the_clips_and_only_its_own_modality(media):
    media.add("image-1", "audio-2", "video-3")
    reports = run(media)
    assert numbers(reports) == {"tiny_image": (5, 0), "tiny_audio": (5, 0), "tiny_text": (5, 0)}
    stores = open_tokens(media.work, media.manifest).stores
    # image: 1 clip; audio: 1 s and 0.5625 s; video: two of 1 s and 4 faces. Items 1 and 3 have a text.
    assert stores["tiny_image"].lengths.tolist() == [1, 0, 0, 4, 4]
    assert stores["tiny_audio"].lengths.tolist() == [0, 5, 3, 5, 5]
    assert stores["tiny_text"].lengths.tolist() == [1, 0, 0, 1, 1]


@pytest.mark.parametrize("readers", [1, 3])
def test_a_shard_is_read_once_for_all_encoders_and_augmentations(media, monkeypatch: pytest.MonkeyPatch, readers: int):
    media.add("image-1", "audio-2", "video-3")
    media.profile = media.profile.changed({"views": {"count": 2}})
    read, begun, ahead = ShardMedia.read, [], media_reads.read_ahead
    monkeypatch.setattr(ShardMedia, "read", lambda shard, *given: begun.append(shard.path.name) or read(shard, *given))
    monkeypatch.setattr(media_reads, "read_ahead", lambda *given, **_: ahead(*given, readers=readers))
    run(media)
    shards = open_tokens(media.work, media.manifest).shards
    assert sorted(begun) == sorted(shards)


def test_times_are_on_the_clock_of_the_recording(media):
    media.add("video-1")
    run(media)
    stores = open_tokens(media.work, media.manifest).stores
    second = np.array([stores["tiny_image"].index[(media.rows[0].media_id, 1)]])
    np.testing.assert_allclose(stores["tiny_image"].gather(second)[1], [2.0, 2.25, 2.5, 2.75])
    np.testing.assert_allclose(stores["tiny_audio"].gather(second)[1], [2.1, 2.3, 2.5, 2.7, 2.9], rtol=1e-6)
    np.testing.assert_allclose(stores["tiny_text"].gather(second)[1], [2.0])


def test_stored_tokens_are_the_encoders_own_projected(media):
    media.add("image-1", "audio-2", "video-3")
    run(media)
    streams = open_tokens(media.work, media.manifest)
    from unmask.preprocess.shards.media_shard import MediaShard
    from unmask.preprocess.shards.shard_plan import get_media_folder

    shard = MediaShard(get_media_folder(media.work, media.profile.preprocess) / streams.shards[0])
    clip = shard.clip(4)
    inputs = {
        "tiny_image": torch.from_numpy(clip.faces),
        "tiny_audio": torch.from_numpy(clip.audio)[None].float() / 32768,
        "tiny_text": [shard.clip_texts[4]],
    }
    for name, batch in inputs.items():
        encoder = make_encoder(EncoderChoice(name=name), CPU)
        native = encoder.encode(batch).flatten(0, 1).numpy()
        tokens, _, _ = streams.stores[name].gather(np.array([4]))
        np.testing.assert_allclose(
            tokens, native @ projection(native.shape[1], "orthogonal-seed0").matrix, rtol=2e-3, atol=2e-3
        )


def test_a_profile_whose_media_have_no_audio_still_gets_whole_stores(media):
    media.add("image-2", "image-4")
    run(media)
    store = open_tokens(media.work, media.manifest).stores["tiny_audio"]
    assert store.lengths.tolist() == [0, 0]
    assert store.gather(np.array([0, 1]))[0].shape == (0, 512)


def test_a_second_call_does_no_work_and_says_so(media, caplog, monkeypatch):
    media.add("image-1", "audio-2")
    first = run(media)
    before = states(media.work.tokens)
    monkeypatch.setattr(build, "NetworkPass", None)  # an encoder that started would fail
    with caplog.at_level(logging.INFO, "unmask"):
        second = run(media)
    assert {name: report.skipped for name, report in second.items()} == {n: r.done for n, r in first.items()}
    assert states(media.work.tokens) == before
    assert caplog.text.count("nothing to do, 3 clips") == 3


def test_adding_items_encodes_only_those(media, caplog):
    media.add("image-1", "video-3")
    run(media)
    before = states(media.work.tokens)
    media.add("audio-2")
    with caplog.at_level(logging.INFO, "unmask"):
        assert numbers(run(media)) == dict.fromkeys(("tiny_image", "tiny_audio", "tiny_text"), (2, 3))
    assert "1 shards are reused, 1 are new or changed" in caplog.text
    after = states(media.work.tokens)
    assert before.items() <= after.items()


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 5}])
def test_settings_of_the_machine_encode_nothing_again(media, options):
    media.add("image-1", "audio-2", "video-3")
    run(media)
    assert all(done == 0 for done, _ in numbers(run(media, **options)).values())


def test_split_and_seed_encode_nothing_again(media):
    media.add("image-1", "audio-2")
    run(media)
    media.rows = [replace(row, split="test", split_scheme="other", group="g") for row in media.rows]
    assert all(done == 0 for done, _ in numbers(run(media)).values())


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"name": "tiny_audio", "layer": 2}, "new layer"),
    ({"name": "tiny_audio", "tokens_per_second": 10.0}, "new tokens_per_second"),
    ({"name": "tiny_image", "grid": 2}, "new pooling, tokens_per_frame"),
]


@pytest.mark.parametrize(("choice", "why"), CHANGES, ids=lambda value: str(value))
def test_changing_an_encoder_makes_a_cache_beside_the_old_one(media, caplog, choice, why):
    media.add("video-3")
    run(media)
    changed = replace_encoder(media.profile, choice)
    with caplog.at_level(logging.INFO, "unmask"):
        done = {name for name, (done, _) in numbers(run(media, changed)).items() if done}
    assert done == {choice["name"]}
    assert len(list(media.work.tokens.glob(f"{choice['name']}-*"))) == 2
    assert f"({why})" in caplog.text
    assert all(done == 0 for done, _ in numbers(run(media)).values()), "the old cache is still there"


def test_other_preprocessing_is_another_cache(media):
    media.add("image-1")
    run(media)
    media.profile = media.profile.changed({"preprocess": {"margin": 0.5}})
    with pytest.raises(MissingInput, match="unmask preprocess"):
        run(media)
    rows, media.rows = media.rows, []
    media.add(*(row.path for row in rows))
    assert all(done == 1 for done, _ in numbers(run(media)).values())


def replace_encoder(profile: Profile, choice: dict[str, Any]) -> Profile:
    others = [c for c in profile.encoders if c.name != choice["name"]]
    return profile.model_copy(update={"encoders": (*others, EncoderChoice(**choice))})


def test_what_was_cut_off_is_redone_to_the_same_bytes(media):
    media.add("image-1", "audio-2")
    media.add("video-3")
    run(media)
    (folder,) = media.work.tokens.glob("tiny_audio-*")
    whole = files(folder)
    lost, _ = sorted(folder.glob("shard-*"))
    for path in sorted(lost.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    lost.rename(folder / f"{TEMPORARY}x-{lost.name}")  # what a kill leaves: no shard, a temporary folder
    reports = numbers(run(media))
    assert sum(reports["tiny_audio"]) == 5
    assert reports["tiny_audio"][0] > 0
    assert reports["tiny_image"][0] == 0
    assert files(folder) == whole


def test_tokens_of_media_that_were_made_again_are_redone(media):
    media.add("image-1", "audio-2")
    run(media)
    rewrite_media(media)
    with pytest.raises(MissingInput, match="older media"):
        open_tokens(media.work, media.manifest)
    assert numbers(run(media))["tiny_audio"] == (3, 0)
    assert len(open_tokens(media.work, media.manifest).stores["tiny_audio"]) == 3


def rewrite_media(media: Any) -> None:
    """The same shard name with other content, as when a file that had timed out is read after all."""
    import shutil

    from unmask.preprocess.shards.shard_plan import get_media_folder

    def silent(item: Any) -> Any:
        return replace(item, clips=tuple(replace(clip, audio=np.zeros_like(clip.audio)) for clip in item.clips))

    shutil.rmtree(get_media_folder(media.work, media.profile.preprocess))
    rows, media.rows = media.rows, []
    media.add(*(row.path for row in rows), change=silent)


def test_preprocess_has_to_run_first(media):
    media.add("image-1")
    other = media.profile.changed({"preprocess": {"face_size": 96}})
    with pytest.raises(MissingInput, match="unmask preprocess"):
        run(media, other)


def test_streams_of_a_grown_manifest_are_refused(media):
    media.add("image-1")
    run(media)
    media.add("image-2")
    with pytest.raises(MissingInput, match="1 of 2 media shards have no tokens"):
        open_tokens(media.work, media.manifest)


def test_streams_of_a_profile_that_was_not_extracted_are_refused(media):
    media.add("image-1")
    run(media)
    other = replace_encoder(media.profile, {"name": "tiny_image", "grid": 2})
    with pytest.raises(MissingInput, match="no tokens of this profile"):
        open_tokens(media.work, media.manifest, other)
    assert open_tokens(media.work, media.manifest, media.profile).profile == media.profile


def test_the_streams_file_names_what_the_profile_needs(media):
    media.add("image-1")
    run(media)
    about = json.loads((media.work.tokens / "latest.json").read_text())
    assert set(about) == {"profile", "media", "shards", "streams", "views", "others", KEY}
    assert set(about["streams"]) == {"tiny_image", "tiny_audio", "tiny_text"}
    assert all((media.work.tokens / folder / "spec.json").is_file() for folder in about["streams"].values())
    assert not [find_damage(path) for path in media.work.tokens.glob("*/shard-*") if find_damage(path)]


def test_stores_of_one_profile_list_the_same_clips_in_the_same_order(media):
    media.add("image-1", "audio-2")
    media.add("video-3")
    run(media)
    stores: dict[str, TokenStore] = open_tokens(media.work, media.manifest).stores
    first, *others = stores.values()
    assert all(store.keys == first.keys for store in others)


def test_a_shard_without_a_token_is_whole_while_faces_are_being_read(media):
    """Offsets of zeros alone are a file of their own: a writer that leaves empty chunks out would make a torn shard."""
    for number in range(6):
        media.add(f"image-{2 * number}", f"image-{2 * number + 12}")
    run(media)
    stores = open_tokens(media.work, media.manifest).stores
    assert stores["tiny_audio"].lengths.tolist() == [0] * 12
    for store in stores.values():
        assert all((path / "offsets" / "c" / "0").is_file() for path in store.folder.glob("shard-*"))
