"""The networks that are written down here are facenet-pytorch's, and the operations torchvision's, to the last bit."""

from __future__ import annotations

import pytest
import torch
from facenet_pytorch.models import mtcnn
from torchvision.ops import nms, roi_align

from unmask.preprocess.faces.mtcnn_networks import MaxPool, align_regions, load_network, suppress_boxes


@pytest.mark.parametrize(("name", "size"), [("pnet", 61), ("rnet", 24), ("onet", 48)])
def test_a_network_gives_what_facenet_pytorch_gives(name: str, size: int):
    theirs = {"pnet": mtcnn.PNet, "rnet": mtcnn.RNet, "onet": mtcnn.ONet}[name]()
    theirs = theirs.eval().to(memory_format=torch.channels_last)
    x = torch.rand(5, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        for own, expected in zip(load_network(name)(x), theirs(x), strict=True):
            torch.testing.assert_close(own, expected, rtol=0, atol=0)


def test_the_operations_are_those_of_torchvision():
    random = torch.Generator().manual_seed(0)
    corners = torch.rand(200, 2, generator=random) * 40
    boxes = torch.cat([corners, corners + 5 + torch.rand(200, 2, generator=random) * 20], dim=1)
    scores = torch.rand(200, generator=random)
    assert torch.equal(suppress_boxes(boxes, scores, 0.5), nms(boxes, scores, 0.5))
    pixels = torch.rand(2, 3, 64, 64, generator=random)
    rois = torch.cat([torch.arange(200)[:, None] % 2, boxes], dim=1)
    expected = roi_align(pixels, rois, 24, sampling_ratio=2, aligned=True)
    torch.testing.assert_close(align_regions(pixels, rois, 24, 2), expected, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(3, 3), (4, 4), (5, 8), (9, 22), (46, 21), (7, 10)])
@pytest.mark.parametrize("side", [2, 3])
def test_maxima_are_those_of_torch_and_hang_over_as_there(side: int, shape: tuple[int, int]):
    x = torch.randn(2, 5, *shape, generator=torch.Generator().manual_seed(0)).to(memory_format=torch.channels_last)
    given = x.clone()
    expected = torch.nn.functional.max_pool2d(x, side, 2, ceil_mode=True)
    torch.testing.assert_close(MaxPool(side)(x), expected, rtol=0, atol=0)
    assert torch.equal(x, given), "the input is left as it was"
