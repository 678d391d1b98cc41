"""MTCNN on many frames at once: facenet-pytorch's three networks and weights, with every step between them batched.

facenet-pytorch cuts candidates out one by one and averages pixels with an operation that is slow on a CPU; that took
half of the time there, and nearly all of it on a GPU. The steps are the same on both, so faces don't depend on the
device.

F frames, K faces or candidates, H height, W width
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray
from torchvision.ops import nms, roi_align  # type: ignore[import-untyped]

from unmask.preprocess.faces.detector import Found, Search, Views
from unmask.preprocess.faces.image_pyramid import CELL, scales_of

# Pixels from one square that the first network looks at to the next.
STRIDE = 2
# Two candidates that share more than this are one: within a size of the pyramid, and between sizes and after the second
# network (0.5 there would save a tenth of the time and cost one face of a hundred in small pictures).
SAME_AT_ONE_SIZE, SAME = 0.5, 0.7
# Of two faces one lies in the other to more than this share: the surer one is kept.
INSIDE = 0.7
# Candidates are cut out at so many points a pixel and direction.
SAMPLES_PER_PIXEL = 2
# What a batch's intermediate results may hold, so that they stay in a core's cache (twice as fast as larger ones) or
# leave room on a GPU.
CPU_BATCH_PIXELS, GPU_BATCH_PIXELS = 1 << 16, 1 << 24


@dataclass(slots=True)
class _Candidates:
    boxes: torch.Tensor
    """(K, 4) float32"""
    scores: torch.Tensor
    """(K,)"""
    frame: torch.Tensor
    """(K,) int64"""

    def keep(self, chosen: torch.Tensor) -> _Candidates:
        return _Candidates(self.boxes[chosen], self.scores[chosen], self.frame[chosen])


class Cascade:
    """Made once a process: it loads the weights."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        # Channels last: the networks are three times faster so on a CPU, and no slower on a GPU.
        networks: Any = MTCNN(device=self.device).eval().to(memory_format=torch.channels_last)
        self._pnet, self._rnet, self._onet = networks.pnet, networks.rnet, networks.onet
        # Ten bits of a number are enough for training, not for the same faces on every device.
        torch.backends.cudnn.allow_tf32 = False
        self._batch_pixels = CPU_BATCH_PIXELS if self.device.type == "cpu" else GPU_BATCH_PIXELS

    def find(self, views: Views, search: Search) -> list[Found]:
        """Faces of each of the frames that `views_of(frames, search.smallest)` holds."""
        with torch.inference_mode():
            pixels, *levels = [self._here(view) for view in views]
            found = self._propose(
                levels, scales_of(pixels.shape[2], pixels.shape[3], search.smallest), search.thresholds[0]
            )
            pixels = pixels.float().contiguous()  # roi_align would copy it at every call
            found = self._refine(pixels, found, search.thresholds[1])
            found, landmarks = self._finish(pixels, found, search.thresholds[2])
            return _of_frames(len(pixels), found, landmarks)

    def _here(self, view: NDArray[np.uint8]) -> torch.Tensor:
        """(F, 3, H, W) uint8, channels last."""
        # Not from pinned memory: batches differ in size, and pinning each halved the service's rate.
        pixels = torch.from_numpy(np.require(view, requirements=["C", "W"])).to(self.device)
        return pixels.permute(0, 3, 1, 2)

    def _propose(self, levels: Sequence[torch.Tensor], scales: Sequence[float], threshold: float) -> _Candidates:
        proposed = [self._level(level, scale, threshold) for level, scale in zip(levels, scales, strict=True)]
        found = _joined([each for each, _ in proposed])
        shifts = torch.cat([shift for _, shift in proposed])
        size = torch.cat([torch.full_like(each.frame, number) for number, (each, _) in enumerate(proposed)])
        chosen = _best(found, found.frame * len(levels) + size, SAME_AT_ONE_SIZE)
        found, shifts = found.keep(chosen), shifts[chosen]
        chosen = _best(found, found.frame, SAME)
        found, shifts = found.keep(chosen), shifts[chosen]
        found.boxes = found.boxes + shifts * _sizes(found.boxes, 0).repeat(1, 2)
        return found

    def _level(self, level: torch.Tensor, scale: float, threshold: float) -> tuple[_Candidates, torch.Tensor]:
        """Candidates at one size of the pyramid, and (K, 4) by which shares of its size each is to be moved."""
        parts, shifts, start = [], [], 0
        for batch in level.split(max(1, self._batch_pixels // level[0, 0].numel())):
            shift, scores = self._pnet(_normal(batch))
            frame, y, x = torch.nonzero(scores[:, 1] >= threshold, as_tuple=True)
            corner = torch.stack([x, y], dim=1) * STRIDE
            boxes = torch.cat([(corner + 1) / scale, (corner + CELL) / scale], dim=1).floor()
            parts.append(_Candidates(boxes, scores[frame, 1, y, x], frame + start))
            shifts.append(shift[frame, :, y, x])
            start += len(batch)
        return _joined(parts), torch.cat(shifts)

    def _refine(self, pixels: torch.Tensor, found: _Candidates, threshold: float) -> _Candidates:
        found, (shifts, scores) = self._looked_at(pixels, found, self._rnet, 24, (4, 2))
        found.scores = scores[:, 1]
        chosen = found.scores > threshold
        found, shifts = found.keep(chosen), shifts[chosen]
        chosen = _best(found, found.frame, SAME)
        found, shifts = found.keep(chosen), shifts[chosen]
        found.boxes = found.boxes + shifts * _sizes(found.boxes, 1).repeat(1, 2)
        return found

    def _finish(self, pixels: torch.Tensor, found: _Candidates, threshold: float) -> tuple[_Candidates, torch.Tensor]:
        found, (shifts, points, scores) = self._looked_at(pixels, found, self._onet, 48, (4, 10, 2))
        found.scores = scores[:, 1]
        chosen = found.scores > threshold
        found, shifts, points = found.keep(chosen), shifts[chosen], points[chosen]
        size = _sizes(found.boxes, 1)
        landmarks = points.reshape(-1, 2, 5).transpose(1, 2) * size[:, None] + found.boxes[:, None, :2] - 1
        found.boxes = found.boxes + shifts * size.repeat(1, 2)
        return found, landmarks

    def _looked_at(
        self, pixels: torch.Tensor, found: _Candidates, network: Callable[..., Any], side: int, widths: tuple[int, ...]
    ) -> tuple[_Candidates, list[torch.Tensor]]:
        """The candidates as squares, without those outside the frame, and what `network` says of each."""
        found.boxes = _squares(found.boxes)
        regions = _regions(found.boxes, *pixels.shape[2:])
        inside = (regions[:, 2] > regions[:, 0]) & (regions[:, 3] > regions[:, 1])
        found, regions = found.keep(inside), regions[inside]
        if not len(regions):  # the networks cannot be given nothing
            return found, [regions.new_zeros(0, width) for width in widths]
        results = [network(_normal(crops)) for crops in self._crops(pixels, regions, found.frame, side)]
        return found, [torch.cat(each) for each in zip(*results, strict=True)]

    def _crops(
        self, pixels: torch.Tensor, regions: torch.Tensor, frame: torch.Tensor, side: int
    ) -> Iterator[torch.Tensor]:
        """(K, 3, side, side) float32, in batches."""
        rois = torch.cat([frame[:, None].to(regions), regions], dim=1)
        for batch in rois.split(self._batch_pixels // side**2):
            crops = roi_align(pixels, batch, side, sampling_ratio=SAMPLES_PER_PIXEL, aligned=True)
            yield crops.contiguous(memory_format=torch.channels_last)


def _best(found: _Candidates, group: torch.Tensor, same: float) -> torch.Tensor:
    """Which candidates no surer one of the same `group` (K,) covers.

    As torchvision's batched_nms, which begins to loop over the groups where there are many: ten times slower.
    """
    # Every group far from the others; in 64 bits, because 32 would round the places of the last groups to whole pixels.
    apart = group.double() * (found.boxes.max() - found.boxes.min() + 1 if len(group) else 0)
    return nms(found.boxes.double() + apart[:, None], found.scores.double(), same)


def _normal(pixels: torch.Tensor) -> torch.Tensor:
    """0..255 -> -1..1"""
    return (pixels.float() - 127.5) / 128


def _joined(parts: list[_Candidates]) -> _Candidates:
    return _Candidates(
        torch.cat([each.boxes for each in parts]),
        torch.cat([each.scores for each in parts]),
        torch.cat([each.frame for each in parts]),
    )


def _sizes(boxes: torch.Tensor, last: int) -> torch.Tensor:
    """(K, 2) widths and heights; `last` 1 counts the last pixel, as the second and third network were trained."""
    return boxes[:, 2:] - boxes[:, :2] + last


def _squares(boxes: torch.Tensor) -> torch.Tensor:
    size = _sizes(boxes, 0)
    side = size.amax(dim=1, keepdim=True)
    corner = boxes[:, :2] + (size - side) / 2
    return torch.cat([corner, corner + side], dim=1)


def _regions(boxes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The pixels that are cut out: whole ones inside the frame, of which MTCNN counts the first as 1."""
    limits = boxes.new_tensor([width, height])
    whole = boxes.trunc()
    return torch.cat([whole[:, :2].clamp(min=1) - 1, torch.minimum(whole[:, 2:], limits)], dim=1)


def _of_frames(count: int, found: _Candidates, landmarks: torch.Tensor) -> list[Found]:
    together = torch.cat([found.frame[:, None], found.scores[:, None], found.boxes, landmarks.flatten(1)], dim=1)
    values = together.cpu().numpy()  # one transfer: each waits for the device
    values = values[np.argsort(values[:, 0], kind="stable")]
    begins = np.searchsorted(values[:, 0], np.arange(count + 1))
    return [_faces(values[begin:end, 1:]) for begin, end in pairwise(begins)]


def _faces(values: NDArray[np.float32]) -> Found:
    """From (K, 15) scores, boxes and landmarks of one frame."""
    values = values[np.argsort(-values[:, 0], kind="stable")]
    values = values[_not_inside_a_surer_one(values[:, 1:5])]
    size = values[:, 3:5] - values[:, 1:3]
    values = values[np.argsort(-size.prod(axis=1), kind="stable")]
    return Found(boxes=values[:, 1:5], landmarks=values[:, 5:].reshape(-1, 5, 2), confidence=values[:, 0])


def _not_inside_a_surer_one(boxes: NDArray[np.float32]) -> list[int]:
    """Of (K, 4) boxes, the surest first."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    area = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    shared = np.maximum(high - low + 1, 0).prod(axis=2) / np.minimum(area[:, None], area[None])
    kept: list[int] = []
    for k in range(len(boxes)):
        if (shared[k, kept] <= INSIDE).all():
            kept.append(k)
    return kept
