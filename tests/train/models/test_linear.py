"""The linear preset: logistic regression on mean tokens."""

from __future__ import annotations

import numpy as np
import torch

from unmask.train.data.batch import Batch
from unmask.train.data.token_data import TokenData
from unmask.train.models.detector import Detector
from unmask.train.models.linear import average_tokens
from unmask.train.models.model_shape import ModelShape
from unmask.train.presets import make_preset

CPU = torch.device("cpu")
NAMES = ("eye", "ear")


def make_batch(data: TokenData) -> Batch:
    return data.batch(np.arange(len(data.clips)), NAMES, device=CPU)


def test_mean_tokens_and_flags_stand_side_by_side(make_data, made_item):
    data = make_data([made_item(0, {"eye": 3, "ear": 5}), made_item(1, {"ear": 2}), made_item(1, {"eye": 1})])
    batch = make_batch(data)
    means = average_tokens({name: batch.streams[name].tokens.float() for name in NAMES}, batch)
    assert means.shape == (3, 512 + 1 + 512 + 1)
    assert means[:, [512, 1025]].tolist() == [[1, 1], [0, 1], [1, 0]]
    first = data.streams["ear"].take(np.array([0]))[0].float().mean(dim=0)
    torch.testing.assert_close(means[0, 513:1025], first)
    assert not means[1, :512].any()


def test_the_logit_is_linear_in_the_mean_tokens(make_data, made_item):
    data = make_data([made_item(0, {"eye": 3, "ear": 5}), made_item(1, {"eye": 2, "ear": 4})])
    config = make_preset("linear").model_copy(update={"size": "small", "standardize": False})
    shape = ModelShape.of(config, NAMES, data.clips.datasets, ((3, (0,)),), (512, 512), ("image", "audio"))
    model, batch = Detector(shape), make_batch(data)
    before = model(batch).fake
    for stream in batch.streams.values():
        stream.tokens.mul_(2)
    after = model(batch).fake
    flags = model.read.out.weight[0, [512, 1025]].sum() + model.read.out.bias[0]
    torch.testing.assert_close(after - flags, 2 * (before - flags), atol=1e-4, rtol=1e-3)


def test_nothing_but_one_layer_is_learned():
    config = make_preset("linear").model_copy(update={"size": "small"})
    model = Detector(ModelShape.of(config, NAMES, ("a", "b"), ((3, (0, 1)),), (512, 12), ("image", "audio")))
    assert {name: tuple(p.shape) for name, p in model.named_parameters() if not name.startswith("discriminators.")} == {
        "read.out.weight": (3, 512 + 12 + 2),
        "read.out.bias": (3,),
    }
