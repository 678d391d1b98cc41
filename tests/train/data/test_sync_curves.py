"""Curves of clips, of swapped clips, and the wrong answers."""

from __future__ import annotations

import numpy as np
import torch
from sync_tokens import add_sync

from unmask.cache.sync.comparison import REACH, TOLERANCE, compute_curve
from unmask.train.config import TrainConfig
from unmask.train.data.sync_curves import PARTNERS, SHIFTS, SyncCurves, draw_partners

CPU = torch.device("cpu")
NAMES = ("eye", "ear")
LAGS = (0, 3, -4, 0, 0, 0)


def talking(made_item, count=4):
    both = [made_item(number % 2, {"eye": 4, "ear": 6}) for number in range(count)]
    return [*both, made_item(0, {"eye": 1}), made_item(0, {"ear": 6})]


def peak(curve: torch.Tensor) -> list[int]:
    return (curve.argmax(dim=-1) - REACH).tolist()


def test_each_clip_has_the_curve_of_its_own_tokens(make_data, made_item, tmp_path):
    data = add_sync(make_data(talking(made_item)), tmp_path / "sync", LAGS)
    batch = data.batch(np.array([2, 0, 4, 1, 5]), NAMES, device=CPU, sync=True)
    assert batch.sync is not None
    assert batch.sync.known_B.tolist() == [True, True, False, True, False]
    assert peak(batch.sync.curve_BL[batch.sync.known_B]) == [-4, 0, 3]
    assert not batch.sync.curve_BL[~batch.sync.known_B].any()
    tokens = [side.take(np.array([2]))[0].numpy() for side in data.sync.sides.values()]
    assert np.allclose(batch.sync.curve_BL[0], compute_curve(*tokens), atol=1e-5)
    assert data.batch(np.array([0]), NAMES, device=CPU).sync is None, "only where the model reads it"


def test_dropped_and_swapped_parts(make_data, made_item, tmp_path):
    data = add_sync(make_data(talking(made_item)), tmp_path / "sync", LAGS)
    clips, kept = np.array([0, 1]), {"audio": np.array([True, False])}
    dropped = data.batch(clips, NAMES, device=CPU, sync=True, kept=kept)
    assert dropped.sync.known_B.tolist() == [True, False]
    swapped = data.batch(clips, NAMES, device=CPU, sync=True, sources={"audio": np.array([2, 1])})
    assert swapped.sync.known_B.tolist() == [True, True]
    assert swapped.sync.curve_BL[0].abs().max() < 0.3, "another clip's audio fits nowhere"
    mouth, audio = data.sync.sides.values()
    pair = compute_curve(mouth.take(np.array([0]))[0].numpy(), audio.take(np.array([2]))[0].numpy())
    assert np.allclose(swapped.sync.curve_BL[0], pair, atol=1e-5)
    assert peak(swapped.sync.curve_BL[1:]) == [3]


def test_right_and_wrong_answers(make_data, made_item, tmp_path):
    data = add_sync(make_data(talking(made_item)), tmp_path / "sync", LAGS)
    sync = data.batch(np.array([0, 1]), NAMES, device=CPU, sync=True).sync
    right_RPL, wrong_RKL = sync.answer(np.array([0, 1]))
    assert peak(right_RPL[0]) == list(range(-TOLERANCE, TOLERANCE + 1))
    assert peak(right_RPL[1]) == [3 + move for move in range(-TOLERANCE, TOLERANCE + 1)]
    near = [place for place, shift in enumerate(SHIFTS) if abs(shift) <= REACH]
    assert peak(wrong_RKL[0, near]) == [SHIFTS[place] for place in near]
    assert wrong_RKL.shape[1] == len(SHIFTS) + PARTNERS
    assert wrong_RKL[:, len(SHIFTS) :].abs().max() < 0.35


def test_partners_are_other_files_of_the_same_split():
    known = np.array([True] * 30 + [False] * 2)
    split, item = np.array(["train", "test"] * 16), np.arange(32) // 4
    partners = draw_partners(known, split, item)
    drawn = partners >= 0
    assert drawn[known].mean() > 0.7
    assert not drawn[~known].any()
    clips = np.arange(32)[:, None].repeat(PARTNERS, axis=1)
    assert (split[partners[drawn]] == split[clips[drawn]]).all()
    assert (item[partners[drawn]] != item[clips[drawn]]).all()
    assert np.array_equal(partners, draw_partners(known, split, item))


def test_what_a_model_uses_of_it(make_data, made_item, tmp_path):
    plain = make_data(talking(made_item))
    data = add_sync(plain, tmp_path / "sync", LAGS)
    names = ("sync-image", "sync-audio")
    assert data.choose_encoders(TrainConfig(streams=("eye", "ear", *names))) == NAMES
    assert data.choose_sync(TrainConfig()) == names
    assert data.choose_sync(TrainConfig(streams=("eye", "ear", *names))) == names
    for settings in ({"sync": False}, {"modalities": ("image",)}, {"streams": NAMES}):
        assert data.choose_sync(TrainConfig(**settings)) == ()
    assert plain.choose_sync(TrainConfig()) == ()
    assert data.fingerprint((*NAMES, *names)) != data.fingerprint(NAMES) == plain.fingerprint(NAMES)
    assert data.lengths(names)[:, 0].tolist() == [60] * 4 + [0] * 2
    assert list(data.all_streams) == [*data.streams, *names]
    one_sided = {"sync-audio": data.sync.audio}
    assert SyncCurves.find(one_sided, data.clips) is None
