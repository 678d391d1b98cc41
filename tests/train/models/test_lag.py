"""The lag token: similarity of image and audio by time difference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unmask.train.config import TrainConfig
from unmask.train.data.sampler import Sampler
from unmask.train.models.detector import Detector
from unmask.train.models.lag import COMPARED_WIDTH, LagToken, find_lag_step
from unmask.train.models.modality_slots import CLS, PAD
from unmask.train.run_setup import build_shape

CPU = torch.device("cpu")
NAMES = ("eye", "ear")


def make_sequence(shift_s: float, rate: float = 8.0, seconds: float = 4.0) -> tuple[torch.Tensor, torch.Tensor]:
    """One clip whose audio repeats the image's random vectors `shift_s` later: (1, L, E + 1) and (1, L)."""
    random = torch.Generator().manual_seed(1)
    count = int(rate * seconds)
    vectors = torch.randn(count, COMPARED_WIDTH, generator=random)
    times = torch.arange(count) / rate
    image = torch.cat([vectors, times[:, None]], dim=1)
    audio = torch.cat([vectors, times[:, None] + shift_s], dim=1)
    cls = torch.zeros(1, COMPARED_WIDTH + 1)
    group = torch.tensor([CLS] + [0] * count + [1] * count + [PAD])
    return torch.cat([cls, image, audio, cls])[None], group[None]


@pytest.mark.parametrize("shift_s", [-0.5, 0.0, 0.25, 1.0])
def test_the_fullest_bin_is_the_shift_of_the_sound(shift_s):
    lag = LagToken(16, 0.125)
    found = []
    lag.norm.register_forward_hook(lambda module, given, result: found.append(given[0][0]))
    y_RLV, group_RL = make_sequence(shift_s)
    lag(y_RLV, group_RL, {"image": 32, "audio": 32})
    assert (found[0].argmax().item() - lag.reach) * lag.step_s == pytest.approx(shift_s)


def test_what_all_tokens_of_a_clip_share_does_not_count():
    lag = LagToken(16, 0.125)
    y_RLV, group_RL = make_sequence(0.25)
    moved = y_RLV.clone()
    moved[..., :-1] += 3 * (group_RL == 0)[..., None] - 5 * (group_RL == 1)[..., None]
    most = {"image": 32, "audio": 32}
    torch.testing.assert_close(lag(moved, group_RL, most), lag(y_RLV, group_RL, most), rtol=1e-3, atol=1e-4)


def test_only_clips_with_image_and_audio_get_the_token(make_data, made_item):
    data = make_data([made_item(0, {"eye": 4, "ear": 6}), made_item(1, {"ear": 3}), made_item(1, {"eye": 3})])
    config = TrainConfig(size="small", standardize=False, fusion="joint")
    sampler = Sampler.of(data, NAMES, np.arange(3), config)
    torch.manual_seed(0)
    model = Detector(build_shape(data, config, NAMES, sampler)).eval()
    assert model.lag is not None
    before = model(data.batch(np.arange(3), NAMES, device=CPU)).fake
    torch.nn.init.constant_(model.lag.kind, 2.0)
    after = model(data.batch(np.arange(3), NAMES, device=CPU)).fake
    assert (before != after).tolist() == [True, False, False]


def test_bins_are_as_fine_as_the_denser_stream(make_data, made_item):
    def step(lengths: dict[str, int]) -> float:
        data = make_data([made_item(label, lengths) for label in (0, 1)])
        return find_lag_step(data, NAMES, Sampler.of(data, NAMES, np.arange(2), TrainConfig(size="small")))

    assert step({"eye": 8, "ear": 20}) == pytest.approx(0.125)
    assert step({"eye": 100, "ear": 50}) == pytest.approx(0.04)
    assert step({"eye": 4000, "ear": 400}) == pytest.approx(0.02)
    assert step({"eye": 8}) == 0, "no clip has both"


def test_without_the_setting_the_model_has_no_such_token(make_data, made_item):
    data = make_data([made_item(label, {"eye": 4, "ear": 6}) for label in (0, 1)])
    for settings in ({"lag": False}, {"fusion": "within"}, {"fusion": "late"}):
        config = TrainConfig(size="small", **settings)
        shape = build_shape(data, config, NAMES, Sampler.of(data, NAMES, np.arange(2), config))
        assert Detector(shape).lag is None
