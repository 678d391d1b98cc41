"""The join of manifest and tokens, and batches."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from unmask.cache.store.ragged import concatenate_ranges
from unmask.core.errors import MissingInput, UsageError
from unmask.manifests.manifest import from_rows
from unmask.train.config import TrainConfig
from unmask.train.data.clip_table import UNKNOWN, derive_label, join, permute_labels
from unmask.train.data.device_transfer import Parcel, _view
from unmask.train.data.stream_tokens import StreamTokens, place_for
from unmask.train.data.token_data import prefetch

CPU = torch.device("cpu")
NAMES = ("eye", "ear", "ear_two", "reader")
HEAD = {"eye": 4, "ear": 6, "ear_two": 6, "reader": 1}


def test_every_clip_with_tokens_is_in_the_table_with_its_item(make_data, made_item):
    data = make_data(
        [
            made_item(1, HEAD, clips=3, video_fake=True, split="val"),
            made_item(0, {"eye": 1}, dataset="archive", kind="image", audio_fake=None),
            made_item(None, {"ear": 5}, dataset="files", kind="audio", split=None),
        ]
    )
    table = data.clips
    assert table.item.tolist() == [0, 0, 0, 1, 2]
    assert table.clip.tolist() == [0, 1, 2, 0, 0]
    assert table.label.tolist() == [1, 1, 1, 0, UNKNOWN]
    assert table.video_fake.tolist() == [1, 1, 1, UNKNOWN, UNKNOWN]
    assert table.split.tolist() == ["val", "val", "val", "train", ""]
    # Domain ids: files -1, archive 1, fakeavceleb 6.
    assert table.datasets == ("files", "archive", "fakeavceleb")
    assert table.domain.tolist() == [2, 2, 2, 1, 0]


def test_items_without_any_token_are_counted_and_failed_rows_are_not_there(make_data, made_item):
    data = make_data([made_item(1, HEAD), made_item(1, {}), made_item(0, HEAD, ok=False), made_item(0, {"ear": 2})])
    assert data.clips.items == 2
    assert data.without_tokens == 1


def test_a_manifest_without_any_token_is_refused(make_data, made_item):
    with pytest.raises(MissingInput, match="unmask extract"):
        make_data([made_item(1, {})])


def test_a_batch_holds_exactly_the_tokens_of_its_clips(make_data, made_item):
    data = make_data([made_item(1, HEAD, clips=2), made_item(0, {"ear": 3}), made_item(1, {"eye": 2, "reader": 1})])
    clips = np.array([3, 0, 2])
    batch = data.batch(clips, NAMES, device=CPU)
    assert (batch.slots, batch.lengths.tolist()) == (18, [4, 18, 4])
    sequence = torch.zeros(3 * 18, 512, dtype=torch.float16)
    for stream in batch.streams.values():
        sequence[stream.slots] = stream.tokens
    for row, clip in enumerate(clips):
        expected = [data.streams[name].take(np.array([clip]))[0] for name in NAMES]
        used = int(batch.lengths[row])
        torch.testing.assert_close(sequence.view(3, 18, 512)[row, 1:used], torch.cat(expected))
        assert not sequence.view(3, 18, 512)[row, used:].any()
    assert batch.pattern.tolist() == [0b101, 0b111, 0b010]
    assert batch.label.tolist() == [1, 1, 0]


def test_times_count_from_the_first_token_of_the_clip_over_all_encoders(make_data, made_item):
    data = make_data([made_item(1, {"eye": 4, "ear": 2, "reader": 1}, start_s=300.0, clips=2)])
    batch = data.batch(np.array([1]), NAMES, device=CPU)
    assert batch.streams["eye"].times.tolist() == [0, 1, 2, 3]
    assert batch.streams["ear"].times.tolist() == [0, 2]
    assert batch.streams["reader"].times.tolist() == [0], "text has no second of its own"


def test_a_part_is_known_only_while_its_modality_is_there(make_data, made_item):
    data = make_data([made_item(1, HEAD, video_fake=True, audio_fake=False)] * 2)
    kept = {"image": np.array([True, False]), "audio": np.array([True, True]), "text": np.array([True, True])}
    batch = data.batch(np.array([0, 1]), NAMES, device=CPU, kept=kept)
    assert (batch.video.tolist(), batch.video_known.tolist()) == ([1, 1], [1, 0])
    assert (batch.audio.tolist(), batch.audio_known.tolist()) == ([0, 0], [1, 1])


def test_mapped_tokens_are_the_same_as_resident_ones(make_data, mixed):
    data = make_data(mixed(12))
    keys = data.clips.keys
    clips = np.array([7, 0, 3, 11])
    for stream in data.streams.values():
        tokens, times = StreamTokens.of(stream.store, keys).take(clips)
        resident, resident_times = stream.take(clips)
        torch.testing.assert_close(tokens, resident, rtol=0, atol=0)
        np.testing.assert_array_equal(times, resident_times)


def test_tokens_go_where_they_fit(monkeypatch: pytest.MonkeyPatch):
    assert place_for(1000, CPU) == CPU
    assert place_for(1 << 60, CPU) is None
    gpu = torch.device("cuda:0")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (4000, 8000))
    assert place_for(2000, gpu) == gpu
    assert place_for(2001, gpu) == CPU


def test_encoders_and_clips_are_chosen_by_the_settings(make_data, mixed):
    data = make_data(mixed(16))
    assert data.choose_encoders(TrainConfig()) == NAMES
    assert data.choose_encoders(TrainConfig(modalities=("audio",))) == ("ear", "ear_two")
    assert data.choose_encoders(TrainConfig(streams=("ear_two", "eye"))) == ("eye", "ear_two")
    pictures = data.select(("eye",), config=TrainConfig(kinds=("image",)))
    assert set(data.clips.kind[pictures]) == {"image"}
    single = data.select(NAMES, "train", config=TrainConfig(datasets=("deepvoice",)))
    assert set(data.clips.split[single]) == {"train"}
    assert {data.clips.datasets[number] for number in data.clips.domain[single]} == {"deepvoice"}


@pytest.mark.parametrize("wrong", [{"streams": ("nose",)}, {"streams": ("eye",), "modalities": ("audio",)}])
def test_an_encoder_that_is_not_there_is_named(make_data, mixed, wrong):
    with pytest.raises(UsageError, match=r"no tokens of nose|no encoder for audio"):
        make_data(mixed(4)).choose_encoders(TrainConfig(**wrong))


def test_an_unknown_dataset_is_named(make_data, mixed):
    data = make_data(mixed(4))
    with pytest.raises(UsageError, match="no clips of dff"):
        data.select(NAMES, config=TrainConfig(datasets=("dff",)))


def test_the_fingerprint_follows_labels_splits_and_encoders(make_data, made_item):
    data = make_data([made_item(1, HEAD), made_item(0, HEAD)])
    assert make_data([made_item(1, HEAD), made_item(0, HEAD)]).fingerprint(NAMES) == data.fingerprint(NAMES)
    others = [data.fingerprint(("eye",))]
    others += [make_data([made_item(1, HEAD), made_item(1, HEAD)]).fingerprint(NAMES)]
    others += [make_data([made_item(1, HEAD, split="val"), made_item(0, HEAD)]).fingerprint(NAMES)]
    assert len({data.fingerprint(NAMES), *others}) == 4


def test_ranges_by_hand():
    assert concatenate_ranges(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]


@pytest.mark.parametrize("ahead", [0, 1, 4])
def test_prefetching_keeps_order_and_passes_errors_on(ahead: int):
    assert list(prefetch(lambda number: number * 2, range(5), ahead=ahead)) == [0, 2, 4, 6, 8]
    with pytest.raises(ZeroDivisionError):
        list(prefetch(lambda number: 1 // number, [1, 0], ahead=ahead))


def test_no_more_batches_are_made_ahead_than_fit():
    made: list[int] = []
    batches = prefetch(lambda number: made.append(number) or number, range(20), ahead=3)
    for number in batches:
        assert max(made) <= number + 3
        time.sleep(0.002)
    assert sorted(made) == list(range(20))


def test_relabelled_items_keep_their_clips_together_and_test_items_their_labels(make_data, made_item):
    items = [
        made_item(number % 2, {"eye": 2}, split=split, clips=1 + number % 3, video_fake=bool(number % 2))
        for split in ("train", "val", "test")
        for number in range(20)
    ]
    before = make_data([*items, made_item(None, {"eye": 1})]).clips
    after = permute_labels(before, seed=3)
    dealt = np.isin(before.split, ("train", "val"))
    np.testing.assert_array_equal(after.label[~dealt], before.label[~dealt])
    assert (after.label != before.label).sum() > 10
    first = np.unique(before.item, return_index=True)[1]
    assert sorted(after.label[first]) == sorted(before.label[first])
    np.testing.assert_array_equal(after.label, after.label[first][before.item])
    np.testing.assert_array_equal(after.video_fake == 1, after.label == 1)
    np.testing.assert_array_equal(after.label, permute_labels(before, seed=3).label)
    assert (after.label != permute_labels(before, seed=4).label).any()


@pytest.mark.parametrize(
    ("video", "audio", "picture", "sound", "shown"),
    [
        (1, 0, True, True, 1),
        (1, 0, False, True, 0),  # genuine sound of a forged picture
        (0, 1, True, False, 0),
        (1, 0, True, False, 1),
        (1, 1, False, True, 1),
        (1, UNKNOWN, False, True, 1),  # the sound may be forged too
        (UNKNOWN, UNKNOWN, False, True, 1),
        (1, 0, False, False, 1),  # text says nothing of either
    ],
)
def test_a_fake_of_which_only_genuine_parts_are_shown_counts_as_real(
    make_data, made_item, video: int, audio: int, picture: bool, sound: bool, shown: int
):
    known = {0: False, 1: True, UNKNOWN: None}
    item = made_item(1, {"eye": 2, "ear": 2, "reader": 1}, video_fake=known[video], audio_fake=known[audio])
    data = make_data([item, made_item(0, {"eye": 1})])
    clips = np.array([0])
    assert derive_label(data.clips, clips, np.array([picture]), np.array([sound])).tolist() == [shown]
    kept = {"image": np.array([picture]), "audio": np.array([sound])}
    batch = data.batch(clips, NAMES, device=CPU, kept=kept)
    assert (batch.label.tolist(), batch.host.label.tolist()) == ([shown], [shown])


def test_a_parcel_holds_every_array_where_the_device_can_read_it():
    arrays = [
        np.arange(5),
        np.array([True, False, True]),
        np.array([1.5, np.nan], np.float32),
        np.zeros((0, 3), np.float32),
        np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2],
    ]
    parcel = Parcel(CPU)
    places = [parcel.add(array) for array in arrays]
    packed, begins = parcel.pack(pinned=False)
    assert all(begin % 16 == 0 for begin in begins)
    for array, place, begin, sent in zip(arrays, places, begins, parcel.send(), strict=True):
        assert place == [id(one) for one in arrays].index(id(array))
        np.testing.assert_array_equal(sent.numpy(), array)
        found = _view(packed, begin, np.ascontiguousarray(array))
        assert found.shape == array.shape
        np.testing.assert_array_equal(found.numpy(), array)


def test_processes_of_one_machine_share_its_memory(monkeypatch):
    monkeypatch.setattr("unmask.train.data.stream_tokens.read_memory_gib", lambda: (100 / 2**30, 100 / 2**30))
    assert place_for(40, CPU) == CPU
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert place_for(40, CPU) is None


def test_stores_of_the_same_clips_share_their_keys(make_data, mixed):
    data = make_data(mixed(12))
    first, *others = (stream.store for stream in data.streams.values())
    for store in others:
        assert store.keys is first.keys
        assert all(about.keys is first.about[name].keys for name, about in store.about.items())
    where = [stream.where for stream in data.streams.values()]
    assert all(one is where[0] for one in where)


def test_clips_of_other_stores_are_found_by_their_keys(make_data, mixed):
    data = make_data(mixed(12))
    stream = data.streams["eye"]
    keys = [*reversed(stream.store.keys), ("missing", 0)]
    apart = StreamTokens.of(stream.store, keys, like=replace(stream, store=make_data(mixed(4)).streams["ear"].store))
    assert apart.where.tolist() == [*reversed(range(12)), -1]


def test_a_join_names_each_clip_once_in_the_order_of_the_manifest(made_item, make_data):
    data = make_data([made_item(1, HEAD, clips=2), made_item(0, HEAD), made_item(0, HEAD, ok=False)])
    rows = from_rows([], {})
    assert len(join(rows, [("unknown", 0)])) == 0
    assert data.clips.item.tolist() == [0, 0, 1]
    assert data.clips.clip.tolist() == [0, 1, 0]
