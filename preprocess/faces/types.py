"""Types shared by the steps of face detection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pyramid = list[NDArray[np.uint8]]
"""(F, H, W, 3) RGB each: the frames, then the same frames at every scale of the image pyramid, largest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """All faces detected in one frame, largest first."""

    boxes: NDArray[np.float32]
    """(K, 4) x0, y0, x1, y1 in pixels of the frame."""
    landmarks: NDArray[np.float32]
    """(K, 5, 2) eyes, nose, mouth corners, same pixels."""
    confidence: NDArray[np.float32]
    """(K,) 0..1"""

    def __len__(self) -> int:
        return len(self.confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchParameters:
    """Parameters of one MTCNN call."""

    smallest: float
    """Pixels of the smallest face to detect."""
    thresholds: tuple[float, float, float]
    """Score thresholds of the three networks."""
