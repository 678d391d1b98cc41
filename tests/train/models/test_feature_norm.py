"""L2-normalised features in every fusion."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unmask.train.config import TrainConfig
from unmask.train.models.detector import Detector
from unmask.train.models.fusions import FUSIONS
from unmask.train.models.heads import normalize_features
from unmask.train.models.linear import LinearModel
from unmask.train.models.model_shape import ModelShape

CPU = torch.device("cpu")
NAMES = ("eye", "ear")
WITH_FEATURES = [name for name in FUSIONS if name != "linear"]


def model_of(fusion: str, normalized: bool = True) -> Detector:
    config = TrainConfig(size="small", fusion=fusion, normalize_features=normalized)
    torch.manual_seed(0)
    shape = ModelShape.of(config, NAMES, ("a", "b"), ((3, (0, 1)),), modalities=("image", "audio"))
    return Detector(shape).eval()


def read_inputs_of_heads(model: Detector, batch) -> list[torch.Tensor]:
    """What the first layer of each head is given."""
    seen: list[torch.Tensor] = []
    width = model.shape.width
    for name, module in model.read.named_modules():
        if isinstance(module, torch.nn.Linear) and module.out_features == width // 2 and name.endswith(".0"):
            module.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
    model(batch)
    return seen


def test_only_the_direction_is_left_and_the_entries_keep_their_size():
    z_BW = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    unit_BW = normalize_features(z_BW)
    torch.testing.assert_close(unit_BW.square().mean(dim=1), torch.ones(4))
    torch.testing.assert_close(normalize_features(unit_BW), unit_BW)
    torch.testing.assert_close(normalize_features(z_BW * torch.tensor([[0.1], [1], [7], [1e4]])), unit_BW)
    assert not normalize_features(torch.zeros(1, 16)).any(), "nothing has no direction, and is not NaN"


@pytest.mark.parametrize("fusion", WITH_FEATURES)
def test_all_heads_and_the_discriminators_read_features_of_unit_length(make_data, made_item, fusion: str):
    data = make_data([made_item(0, {"eye": 3, "ear": 5}), made_item(1, {"ear": 2}), made_item(1, {"eye": 1})])
    batch = data.batch(np.arange(3), NAMES, device=CPU)
    model = model_of(fusion)
    with torch.no_grad():  # the last norm of an untrained fusion gives nearly unit length by itself
        for name, weight in model.read.named_parameters():
            if weight.ndim == 1 and "norm" in name:
                weight.copy_(torch.rand(len(weight), generator=torch.Generator().manual_seed(3)))
    for z_BW in (model(batch).features, *read_inputs_of_heads(model, batch)):
        torch.testing.assert_close(z_BW.square().mean(dim=1), torch.ones(len(z_BW)))
    assert len(read_inputs_of_heads(model, batch)) >= 3


@pytest.mark.parametrize("fusion", FUSIONS)
def test_normalization_has_no_weights_of_its_own(fusion: str):
    plain, normalized = model_of(fusion, normalized=False), model_of(fusion)
    normalized.load_state_dict(plain.state_dict())
    assert ModelShape(**plain.shape.as_json() | {"normalized": True}) == normalized.shape


def test_the_linear_model_reads_the_direction_of_each_mean_token():
    model = LinearModel((3, 2), 8, normalized=True)
    means = torch.tensor([[3.0, 0.0, 4.0, 1.0, 0.0, 0.0, 0.0]])  # of the second encoder the clip has nothing
    longer = means * torch.tensor([2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0])
    torch.testing.assert_close(model(longer).fake, model(means).fake)
    direction = torch.tensor([0.6, 0.0, 0.8]) * 3**0.5
    logit = model.out.weight[0, :3] @ direction + model.out.weight[0, 3] + model.out.bias[0]
    torch.testing.assert_close(model(means).fake[0], logit)
    assert not torch.allclose(LinearModel((3, 2), 8)(longer).fake, LinearModel((3, 2), 8)(means).fake)


def test_runs_of_earlier_versions_keep_their_features():
    kept = {"streams": NAMES, "layers": 1, "heads": 1, "width": 4, "feedforward": 8, "dropout": 0.0}
    assert not ModelShape(**kept, datasets=("a",), shared=(), conditioned=False).normalized
