"""Clips with the image or the audio of another clip: batches of them, and which clips an epoch swaps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unmask.train.config import TrainConfig
from unmask.train.data.batch import MODALITIES, make_batch
from unmask.train.data.sampler import Sampler
from unmask.train.losses.contrastive import find_real_pairs

CPU = torch.device("cpu")
NAMES = ("eye", "ear", "ear_two", "reader")
BOTH = {"eye": 4, "ear": 6, "ear_two": 6, "reader": 1}


@pytest.fixture
def parts(make_data, made_item):
    """Ten each of real and fake pictures, real and fake recordings, and real videos; one fake video without parts."""
    kinds = [
        made_item(0, {"eye": 2}, "archive", "image", video_fake=False),
        made_item(1, {"eye": 2}, "archive", "image", video_fake=True),
        made_item(0, {"ear": 5, "ear_two": 5}, "deepvoice", "audio", audio_fake=False),
        made_item(1, {"ear": 5, "ear_two": 5}, "deepvoice", "audio", audio_fake=True),
        made_item(0, BOTH, video_fake=False, audio_fake=False),
    ]
    return make_data([kind for kind in kinds for _ in range(10)] + [made_item(1, BOTH)])


def sampler_of(data, **settings) -> Sampler:
    return Sampler.of(data, NAMES, data.select(NAMES, "train"), TrainConfig(batch_size=16, **settings))


def test_a_batch_shows_the_image_of_one_clip_and_the_audio_of_another(make_data, made_item):
    data = make_data(
        [
            made_item(0, BOTH, video_fake=False, audio_fake=False, start_s=100.0),
            made_item(1, BOTH, video_fake=False, audio_fake=True, start_s=300.0),
            made_item(1, {"eye": 2}, "archive", "image", video_fake=True),
        ]
    )
    clips = np.array([0, 0, 1, 2])
    sources = {
        "image": np.array([0, 2, 0, 2]),
        "audio": np.array([1, 0, 1, -1]),
        "text": np.array([-1, -1, -1, -1]),
    }
    batch = data.batch(clips, NAMES, device=CPU, sources=sources)
    for name, shown in (("eye", [0, 2, 0, 2]), ("ear", [1, 0, 1])):
        expected = [data.streams[name].take(np.array([clip])) for clip in shown]
        torch.testing.assert_close(batch.streams[name].tokens, torch.cat([tokens for tokens, _ in expected]))
        begun = np.concatenate([times - times[0] for _, times in expected])
        np.testing.assert_allclose(batch.streams[name].times.numpy(), begun, err_msg="each from its own first token")
    assert len(batch.streams["reader"].tokens) == 0
    assert batch.lengths.tolist() == [17, 15, 17, 3]
    assert batch.pattern.tolist() == [0b11, 0b11, 0b11, 0b01]
    assert batch.label.tolist() == [1, 1, 1, 1], "genuine picture with fake audio, fake picture, both, alone"
    assert (batch.video.tolist(), batch.audio.tolist()) == ([0, 1, 0, 1], [1, 0, 1, 0])
    assert batch.video_known.tolist() == [1, 1, 1, 1]
    assert batch.audio_known.tolist() == [1, 1, 1, 0]
    assert batch.host.swapped is not None
    assert batch.host.swapped.tolist() == [True, True, True, False]
    assert not find_real_pairs(batch.host).any()


def test_two_genuine_parts_of_different_clips_are_genuine(make_data, made_item):
    real = made_item(0, BOTH, video_fake=False, audio_fake=False)
    data = make_data([real, real, made_item(1, BOTH, video_fake=True, audio_fake=False)])
    batch = data.batch(np.array([2]), NAMES, device=CPU, sources={"image": np.array([0])})
    assert batch.label.tolist() == [0], "the fake image of the clip is not shown"


def test_sources_that_name_the_clips_themselves_change_nothing(parts):
    clips = np.array([0, 12, 25, 44])
    whole = dict.fromkeys(MODALITIES, clips)
    plain, same = (data_batch(parts, clips, sources) for sources in ({}, whole))
    for one, two in zip(plain.streams.values(), same.streams.values(), strict=True):
        for tensor, other in ((one.tokens, two.tokens), (one.times, two.times), (one.slots, two.slots)):
            torch.testing.assert_close(tensor, other, rtol=0, atol=0)
    assert plain.host.swapped is same.host.swapped is None


def data_batch(data, clips, sources):
    return make_batch(data.clips, data.streams, clips, {}, CPU, sources=sources)


def swapped_rows(sampler: Sampler, epoch: int = 1):
    """(clips, image givers, audio givers) of all swapped draws of an epoch, and the number of draws."""
    portions = [portion for step in sampler.steps(epoch) for portion in step]
    clips = np.concatenate([portion.clips for portion in portions])
    image, audio = (np.concatenate([p.sources.get(m, p.clips) for p in portions]) for m in ("image", "audio"))
    rows = (image != clips) | (audio != clips)
    return clips[rows], image[rows], audio[rows], len(clips)


def test_a_swapped_clip_keeps_its_class_and_one_part_and_takes_the_other(parts):
    table = parts.clips
    for epoch in range(1, 6):
        clips, image, audio, _ = swapped_rows(sampler_of(parts, swap=1.0), epoch)
        assert len(clips)
        assert ((image == clips) != (audio == clips)).all()
        either = (table.video_fake[image] == 1) | (table.audio_fake[audio] == 1)
        genuine = (table.video_fake[image] == 0) & (table.audio_fake[audio] == 0)
        np.testing.assert_array_equal(either, table.label[clips] == 1)
        np.testing.assert_array_equal(genuine, table.label[clips] == 0)


def test_a_fake_part_stands_beside_a_genuine_one(parts):
    table = parts.clips
    clips, image, *_ = swapped_rows(sampler_of(parts, swap=1.0))
    voices = (table.kind[clips] == "audio") & (table.label[clips] == 1)
    assert voices.any()
    assert set(table.video_fake[image[voices]].tolist()) == {0}
    assert set(table.kind[image[voices]].tolist()) == {"image", "video"}


def test_the_share_is_that_of_the_draws_and_rises_with_the_schedule(parts):
    def share(epoch: int, **settings) -> float:
        rows = [swapped_rows(sampler_of(parts, seed=seed, epochs=10, **settings), epoch) for seed in range(20)]
        return sum(len(clips) for clips, *_ in rows) / sum(count for *_, count in rows)

    assert share(3, swap=0.5) == pytest.approx(0.5, abs=0.07)
    assert share(2, swap=0.5, swap_schedule="rising") == pytest.approx(0.1, abs=0.05)
    assert share(10, swap=0.5, swap_schedule="rising") == pytest.approx(0.5, abs=0.07)


def test_swaps_depend_on_seed_and_epoch_alone_and_change_no_other_draw(parts):
    used, fresh, plain = sampler_of(parts, swap=0.4), sampler_of(parts, swap=0.4), sampler_of(parts)
    used.steps(1)
    np.testing.assert_array_equal(used.draw(4), plain.draw(4))
    np.testing.assert_array_equal(used.keep(used.draw(4), 4), plain.keep(plain.draw(4), 4))
    for one, two in zip(used.steps(4), fresh.steps(4), strict=True):
        for portion, other in zip(one, two, strict=True):
            assert portion.clips.tolist() == other.clips.tolist()
            assert {m: s.tolist() for m, s in portion.sources.items()} == {
                m: s.tolist() for m, s in other.sources.items()
            }
    assert swapped_rows(used, 4)[0].tolist() != swapped_rows(used, 5)[0].tolist()


def test_without_swaps_portions_and_fingerprints_are_as_before(parts):
    assert all(not portion.sources for step in sampler_of(parts).steps(1) for portion in step)
    assert TrainConfig(swap_schedule="rising").fingerprint() == TrainConfig().fingerprint()
    assert TrainConfig(swap=0.1).fingerprint() != TrainConfig().fingerprint()
    assert TrainConfig(swap=0.1, swap_schedule="rising").fingerprint() != TrainConfig(swap=0.1).fingerprint()


def test_modality_dropout_leaves_both_parts_of_a_swapped_clip(parts):
    for step in sampler_of(parts, swap=1.0, modality_dropout=0.9).steps(1):
        for portion in step:
            batch = parts.batch(portion.clips, NAMES, device=CPU, kept=portion.kept, sources=portion.sources)
            if batch.host.swapped is not None:
                assert (batch.host.pattern[batch.host.swapped] == 0b11).all()
