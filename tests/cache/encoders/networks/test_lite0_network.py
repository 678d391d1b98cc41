"""The network that is written down here is timm's, to the last bit."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from unmask.cache.encoders.networks.efficientnet_lite0 import EfficientNetLite0
from unmask.cache.encoders.timm_weights import LITE0, compute_features, get_default_architecture


def make_pair() -> tuple[nn.Module, nn.Module]:
    """timm's network and this one, with the same random weights and statistics."""
    theirs, own = timm.create_model(LITE0, pretrained=False).eval(), EfficientNetLite0().eval()
    generator = torch.Generator().manual_seed(0)
    state = theirs.state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.normal_(0.5, 0.5, generator=generator)
    own.load_state_dict(state, strict=True)
    assert list(own.state_dict()) == list(state)
    return theirs, own


@pytest.mark.parametrize("size", [224, 97])
@pytest.mark.parametrize("layers", [(), (1, 3), (5,)])
def test_its_features_are_those_of_timm(size: int, layers: tuple[int, ...]):
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    images = images.contiguous(memory_format=torch.channels_last)
    found = []
    with torch.inference_mode():
        for network in make_pair():
            network = network.to(memory_format=torch.channels_last)
            found.append([one.map_BDHW for one in compute_features(network, images, layers)])
    for theirs, own in zip(*found, strict=True):
        torch.testing.assert_close(own, theirs, rtol=0, atol=0)


def test_it_is_described_as_timm_does():
    about, architecture = timm.get_pretrained_cfg(LITE0), get_default_architecture(LITE0)
    assert (architecture.classes, architecture.size) == (about.num_classes, about.input_size[-1])
    assert (architecture.mean, architecture.std) == (about.mean, about.std)
    assert architecture.interpolation == about.interpolation
    theirs, own = make_pair()
    assert len(theirs.feature_info) == len(own.feature_info)
