"""MTCNN on many frames at once: facenet-pytorch's three networks and weights, with every step between them batched.

facenet-pytorch crops candidates one by one and averages pixels with an operation that is slow on a CPU: half of its
time.

F frames, K faces or candidates, H height, W width
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.preprocess.faces.focus import STRIDE, Focus
from unmask.preprocess.faces.image_pyramid import CELL, compute_scales
from unmask.preprocess.faces.mtcnn_networks import align_regions, load_network, suppress_boxes
from unmask.preprocess.faces.types import Detections, Pyramid, SearchParameters

# IoU thresholds of non-maximum suppression: within a scale of the pyramid, and between scales and after the second
# network (0.5 there would save a tenth of the time and lose one face of a hundred in small images).
NMS_WITHIN_SCALE, NMS_IOU = 0.5, 0.7
# If more than this fraction of one face lies inside another, only the more confident of the two is kept.
MAX_INSIDE = 0.7
# Candidates are cropped with this many sampling points per pixel and direction.
SAMPLES_PER_PIXEL = 2
# Pixels per side of the squares in which the third network finds landmarks.
LANDMARK_SIDE = 48
# Pixels per batch, so that intermediate results stay in a core's cache: twice as fast as larger batches.
BATCH_PIXELS = 1 << 16


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


_NO_CANDIDATES = _Candidates(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))


@dataclass(frozen=True, slots=True)
class Refined:
    """What the third network finds in squares, in fractions of each square's sides."""

    boxes: NDArray[np.float32]
    """(K, 4) x0, y0, x1, y1"""
    landmarks: NDArray[np.float32]
    """(K, 5, 2)"""
    scores: NDArray[np.float32]
    """(K,) 0..1"""


class BatchedMTCNN:
    """The three networks on the CPU. Loads the weights: build one per process."""

    def __init__(self) -> None:
        self._pnet, self._rnet, self._onet = map(load_network, ("pnet", "rnet", "onet"))

    def detect(self, pyramid: Pyramid, search: SearchParameters, focus: Focus | None = None) -> list[Detections]:
        """Faces of each frame of `build_pyramid(frames, search.smallest)`; with a `focus` only those in it."""
        with torch.inference_mode():
            pixels, *levels = [_to_tensor(level) for level in pyramid]
            scales = compute_scales(pixels.shape[2], pixels.shape[3], search.smallest)
            candidates = self._propose(levels, scales, search.thresholds[0], focus)
            pixels = pixels.float().contiguous()  # roi_align would copy it at every call
            candidates = self._refine(pixels, candidates, search.thresholds[1])
            candidates, landmarks = self._finish(pixels, candidates, search.thresholds[2])
            return _split_by_frame(len(pixels), candidates, landmarks)

    def refine(self, crops: NDArray[np.uint8]) -> Refined:
        """The third network alone, on gray squares (K, 48, 48) around one face each."""
        boxes, landmarks, scores = [], [], []
        with torch.inference_mode():
            for batch in torch.from_numpy(crops).split(BATCH_PIXELS // LANDMARK_SIDE**2):
                gray = _normalize(batch)[:, None].expand(-1, 3, -1, -1)
                shifts, points, score = self._onet(gray.contiguous(memory_format=torch.channels_last))
                boxes.append(shifts.numpy() + np.array([0, 0, 1, 1], np.float32))
                landmarks.append(points.reshape(-1, 2, 5).transpose(1, 2).numpy())
                scores.append(score[:, 1].numpy())
        return Refined(np.concatenate(boxes), np.concatenate(landmarks), np.concatenate(scores))

    def _propose(
        self, levels: Sequence[torch.Tensor], scales: Sequence[float], threshold: float, focus: Focus | None
    ) -> _Candidates:
        """First network: candidates at every scale, reduced by non-maximum suppression."""
        proposed = [
            self._propose_at(level, scale, threshold, focus) for level, scale in zip(levels, scales, strict=True)
        ]
        candidates = _concatenate([each for each, _ in proposed])
        shifts = torch.cat([shift for _, shift in proposed])
        size = torch.cat([torch.full_like(each.frame, number) for number, (each, _) in enumerate(proposed)])
        chosen = _suppress(candidates, candidates.frame * len(levels) + size, NMS_WITHIN_SCALE)
        candidates, shifts = candidates.keep(chosen), shifts[chosen]
        chosen = _suppress(candidates, candidates.frame, NMS_IOU)
        if focus is not None:
            chosen = chosen[focus.holds(candidates.boxes[chosen])]
        candidates, shifts = candidates.keep(chosen), shifts[chosen]
        candidates.boxes = candidates.boxes + shifts * _measure_boxes(candidates.boxes, 0).repeat(1, 2)
        return candidates

    def _propose_at(
        self, level: torch.Tensor, scale: float, threshold: float, focus: Focus | None
    ) -> tuple[_Candidates, torch.Tensor]:
        """Candidates at one scale, and their (K, 4) corrections as fractions of the box size."""
        region = (slice(0, None), slice(0, None)) if focus is None else focus.select_region(scale, *level.shape[2:])
        if region is None:
            return _NO_CANDIDATES, torch.zeros(0, 4)
        rows, columns = region
        level = level[:, :, rows, columns].contiguous(memory_format=torch.channels_last)
        batches, shifts, start = [], [], 0
        for batch in level.split(max(1, BATCH_PIXELS // level[0, 0].numel())):
            shift, scores = self._pnet(_normalize(batch))
            frame, y, x = torch.nonzero(scores[:, 1] >= threshold, as_tuple=True)
            corner = torch.stack([x * STRIDE + columns.start, y * STRIDE + rows.start], dim=1)
            boxes = torch.cat([(corner + 1) / scale, (corner + CELL) / scale], dim=1).floor()
            batches.append(_Candidates(boxes, scores[frame, 1, y, x], frame + start))
            shifts.append(shift[frame, :, y, x])
            start += len(batch)
        return _concatenate(batches), torch.cat(shifts)

    def _refine(self, pixels: torch.Tensor, candidates: _Candidates, threshold: float) -> _Candidates:
        """Second network: candidates scored again at 24 px."""
        candidates, (shifts, scores) = self._apply(pixels, candidates, self._rnet, 24, (4, 2))
        candidates.scores = scores[:, 1]
        chosen = candidates.scores > threshold
        candidates, shifts = candidates.keep(chosen), shifts[chosen]
        chosen = _suppress(candidates, candidates.frame, NMS_IOU)
        candidates, shifts = candidates.keep(chosen), shifts[chosen]
        candidates.boxes = candidates.boxes + shifts * _measure_boxes(candidates.boxes, 1).repeat(1, 2)
        return candidates

    def _finish(
        self, pixels: torch.Tensor, candidates: _Candidates, threshold: float
    ) -> tuple[_Candidates, torch.Tensor]:
        """Third network: final boxes and scores at 48 px, and (K, 5, 2) landmarks."""
        candidates, (shifts, points, scores) = self._apply(pixels, candidates, self._onet, LANDMARK_SIDE, (4, 10, 2))
        candidates.scores = scores[:, 1]
        chosen = candidates.scores > threshold
        candidates, shifts, points = candidates.keep(chosen), shifts[chosen], points[chosen]
        size = _measure_boxes(candidates.boxes, 1)
        landmarks = points.reshape(-1, 2, 5).transpose(1, 2) * size[:, None] + candidates.boxes[:, None, :2] - 1
        candidates.boxes = candidates.boxes + shifts * size.repeat(1, 2)
        return candidates, landmarks

    def _apply(
        self,
        pixels: torch.Tensor,
        candidates: _Candidates,
        network: Callable[..., Any],
        side: int,
        widths: tuple[int, ...],
    ) -> tuple[_Candidates, list[torch.Tensor]]:
        """Candidates as squares inside the frame, and the outputs of `network` for each, (K, width)."""
        candidates.boxes = _make_square(candidates.boxes)
        regions = _clip_to_frame(candidates.boxes, *pixels.shape[2:])
        inside = (regions[:, 2] > regions[:, 0]) & (regions[:, 3] > regions[:, 1])
        candidates, regions = candidates.keep(inside), regions[inside]
        if not len(regions):  # the networks do not accept an empty batch
            return candidates, [regions.new_zeros(0, width) for width in widths]
        results = [network(_normalize(crops)) for crops in _crop_batches(pixels, regions, candidates.frame, side)]
        return candidates, [torch.cat(each) for each in zip(*results, strict=True)]


def _to_tensor(level: NDArray[np.uint8]) -> torch.Tensor:
    """(F, 3, H, W) uint8, channels last."""
    return torch.from_numpy(np.require(level, requirements=["C", "W"])).permute(0, 3, 1, 2)


def _crop_batches(
    pixels: torch.Tensor, regions: torch.Tensor, frame: torch.Tensor, side: int
) -> Iterator[torch.Tensor]:
    """(K, 3, side, side) float32, in batches."""
    rois = torch.cat([frame[:, None].to(regions), regions], dim=1)
    for batch in rois.split(BATCH_PIXELS // side**2):
        crops = align_regions(pixels, batch, side, SAMPLES_PER_PIXEL)
        yield crops.contiguous(memory_format=torch.channels_last)


def _suppress(candidates: _Candidates, group: torch.Tensor, max_iou: float) -> torch.Tensor:
    """Indices of the candidates kept by non-maximum suppression within each `group` (K,).

    Replaces torchvision's batched_nms, which loops over the groups when there are many: ten times slower.
    """
    # Shift each group far from the others; in 64 bits, because 32 would round the boxes of the last groups to pixels.
    boxes = candidates.boxes
    apart = group.double() * (boxes.max() - boxes.min() + 1 if len(group) else 0)
    return suppress_boxes(boxes.double() + apart[:, None], candidates.scores.double(), max_iou)


def _normalize(pixels: torch.Tensor) -> torch.Tensor:
    """0..255 -> -1..1"""
    return (pixels.float() - 127.5) / 128


def _concatenate(batches: list[_Candidates]) -> _Candidates:
    return _Candidates(
        torch.cat([each.boxes for each in batches]),
        torch.cat([each.scores for each in batches]),
        torch.cat([each.frame for each in batches]),
    )


def _measure_boxes(boxes: torch.Tensor, last: int) -> torch.Tensor:
    """(K, 2) widths and heights; `last` 1 counts the last pixel, as the second and third network were trained."""
    return boxes[:, 2:] - boxes[:, :2] + last


def _make_square(boxes: torch.Tensor) -> torch.Tensor:
    size = _measure_boxes(boxes, 0)
    side = size.amax(dim=1, keepdim=True)
    corner = boxes[:, :2] + (size - side) / 2
    return torch.cat([corner, corner + side], dim=1)


def _clip_to_frame(boxes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Whole pixels inside the frame. MTCNN counts the first pixel as 1."""
    limits = boxes.new_tensor([width, height])
    whole = boxes.trunc()
    return torch.cat([whole[:, :2].clamp(min=1) - 1, torch.minimum(whole[:, 2:], limits)], dim=1)


def _split_by_frame(count: int, candidates: _Candidates, landmarks: torch.Tensor) -> list[Detections]:
    columns = [candidates.frame[:, None], candidates.scores[:, None], candidates.boxes, landmarks.flatten(1)]
    values = torch.cat(columns, dim=1).numpy()
    values = values[np.argsort(values[:, 0], kind="stable")]
    begins = np.searchsorted(values[:, 0], np.arange(count + 1))
    return [_select_faces(values[begin:end, 1:]) for begin, end in pairwise(begins)]


def _select_faces(values: NDArray[np.float32]) -> Detections:
    """Detections of one frame from (K, 15) scores, boxes and landmarks."""
    values = values[np.argsort(-values[:, 0], kind="stable")]
    values = values[_drop_nested(values[:, 1:5])]
    size = values[:, 3:5] - values[:, 1:3]
    values = values[np.argsort(-size.prod(axis=1), kind="stable")]
    return Detections(boxes=values[:, 1:5], landmarks=values[:, 5:].reshape(-1, 5, 2), confidence=values[:, 0])


def _drop_nested(boxes: NDArray[np.float32]) -> list[int]:
    """Indices of the boxes (K, 4), most confident first, that do not lie in a more confident one."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    area = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    shared = np.maximum(high - low + 1, 0).prod(axis=2) / np.minimum(area[:, None], area[None])
    kept: list[int] = []
    for k in range(len(boxes)):
        if (shared[k, kept] <= MAX_INSIDE).all():
            kept.append(k)
    return kept
