"""One encoder on one device: batches in, float16 tokens of width 512 out.

B inputs of equal length, T tokens each, D the encoder's own width
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache.projection import projection
from cache.spec import Encoder

log = logging.getLogger("unmask")

# Larger batches of faces leave a CPU's caches: measured on two cores, EfficientNet-Lite0 takes 15 ms a face in batches
# of 16 and 25 to 33 ms in batches of 32 to 64.
CPU_BATCH = 16


class Runner:
    """Runs an encoder in batches no larger than memory allows."""

    def __init__(self, encoder: Encoder, device: torch.device, batch_size: int) -> None:
        self.encoder, self.device = encoder, device
        self.batch_size = batch_size if device.type == "cuda" else min(batch_size, CPU_BATCH)
        self._projection_DW = torch.from_numpy(projection(encoder.spec.native_dim, encoder.spec.projection)).to(device)

    def run(self, inputs: Any) -> NDArray[np.float16]:
        """(N, ...) tensor or N texts -> (N, T, 512) float16; not finite where a token is beyond float16."""
        return np.concatenate([part.cpu().numpy() for part in self._batches(inputs)])

    def _batches(self, inputs: Any) -> Iterator[torch.Tensor]:
        start = 0
        while start < len(inputs):
            batch = inputs[start : start + self.batch_size]
            try:
                yield self._tokens(batch)
            except torch.OutOfMemoryError:
                if len(batch) == 1:
                    raise
                torch.cuda.empty_cache()
                self.batch_size = len(batch) // 2
                log.warning("%s: out of memory, going on with batches of %d", self.encoder.spec.name, self.batch_size)
            else:
                start += len(batch)

    def _tokens(self, batch: Any) -> torch.Tensor:
        """(B, T, 512) float16. Half precision on a GPU only: bfloat16 is many times slower on a CPU."""
        half = self.device.type == "cuda"
        # float16, not bfloat16: three more bits, and these networks stay in its range. Where one does not, float32.
        with torch.autocast(self.device.type, dtype=torch.float16, enabled=half):
            tokens_BTW = self._project(self.encoder.encode(batch))
        if half and not torch.isfinite(tokens_BTW).all():
            tokens_BTW = self._project(self.encoder.encode(batch))
        return tokens_BTW

    def _project(self, tokens_BTD: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.device.type, enabled=False):
            return (tokens_BTD.float() @ self._projection_DW).half()


def waves(audio: NDArray[np.int16], starts: Sequence[int], length: int) -> torch.Tensor:
    """(B, length) float32 in [-1, 1): the clips of equal length that begin at `starts`."""
    rows = np.stack([audio[start : start + length] for start in starts])
    return torch.from_numpy(rows).float() / 32768
