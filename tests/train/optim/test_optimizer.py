"""A step of the optimizer: encoders without a token in it, and the seed of its dropout."""

from __future__ import annotations

import numpy as np
import torch
from one_step import compute_losses

from unmask.train.config import TrainConfig
from unmask.train.models.detector import Detector
from unmask.train.models.model_shape import ModelShape
from unmask.train.optim.optimizer import Weights, fill_gradients, make_optimizer, seed_dropout

CPU = torch.device("cpu")
NAMES = ("eye", "ear")
CONFIG = TrainConfig(size="small", weight_decay=0.5)


def test_an_encoder_without_a_token_in_the_step_decays_like_the_others(make_data, made_item):
    torch.manual_seed(0)
    data = make_data([made_item(0, {"eye": 3}), made_item(1, {"eye": 2, "ear": 4})])
    shape = ModelShape.of(CONFIG, NAMES, data.clips.datasets, ((3, (0,)),), (512, 512), ("image", "audio"))
    model = Detector(shape)
    weights = Weights.of(model, model)
    compute_losses(model, CONFIG, data.batch(np.array([0]), NAMES, device=CPU)).total.backward()
    ear = model.adapters["ear"]
    assert all(parameter.grad is None for parameter in ear.parameters()), "nothing is computed of no tokens"
    fill_gradients(weights)
    assert all(parameter.grad is not None for parameter in model.feeding())
    assert not any(parameter.grad.any() for parameter in ear.parameters())
    before = ear[1].weight.detach().clone()
    make_optimizer(model, CONFIG).step()
    torch.testing.assert_close(ear[1].weight.detach(), before * (1 - CONFIG.lr * CONFIG.weight_decay))


def test_a_seed_gives_the_masks_of_manual_seed():
    torch.manual_seed(7)
    expected = torch.rand(5)
    seed_dropout(7, CPU)
    assert torch.equal(torch.rand(5), expected)
