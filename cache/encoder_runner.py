"""One encoder on one device: batches in, float16 tokens of the spec's width out.

B inputs of equal length, T tokens each, D the encoder's own width, W the width of a stored token
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.projections.projection import FITTED, Projection
from unmask.cache.spec import Encoder
from unmask.core.errors import UsageError

log = logging.getLogger("unmask")

# Larger batches of faces exceed a CPU's caches: on two cores EfficientNet-Lite0 takes 15 ms per face in batches of 16,
# and 25 to 33 ms in batches of 32 to 64.
CPU_BATCH = 16


class Runner:
    """Runs an encoder in batches no larger than memory allows."""

    def __init__(self, encoder: Encoder, device: torch.device, batch_size: int, projection: Projection | None) -> None:
        """`projection`: of the encoder's spec; None if it is native."""
        self.encoder, self.device = encoder, device
        self.batch_size = batch_size if device.type == "cuda" else min(batch_size, CPU_BATCH)
        # float16 has three bits more than bfloat16, and these networks stay in its range. `run` falls back to float32.
        self._half = device.type == "cuda" and encoder.spec.precision == "auto"
        self._fitted = encoder.spec.projection.startswith(FITTED)
        self._mean_D = self._matrix_DW = None
        if projection is not None:
            self._mean_D, self._matrix_DW = (
                torch.from_numpy(array).to(device) for array in (projection.mean, projection.matrix)
            )

    def run(self, inputs: Any) -> NDArray[np.float16]:
        """(N, ...) tensor or N texts -> (N, T, W) float16; not finite if a token exceeds float16."""
        tokens = torch.cat(list(self._encode_batches(inputs, self._half)))
        if self._half and not torch.isfinite(tokens).all():  # checked once: each check synchronizes the GPU
            tokens = torch.cat(list(self._encode_batches(inputs, half=False)))
        found: NDArray[np.float16] = tokens.cpu().numpy()
        return found

    def _encode_batches(self, inputs: Any, half: bool) -> Iterator[torch.Tensor]:
        start = 0
        while start < len(inputs):
            batch = inputs[start : start + self.batch_size]
            try:
                tokens = self._encode_batch(batch, half)
            except torch.OutOfMemoryError:
                if len(batch) == 1:
                    raise
                tokens = None
            if tokens is None:  # outside `except`: the error keeps the tensors alive
                torch.cuda.empty_cache()
                self.batch_size = len(batch) // 2
                log.warning("%s: out of memory, continuing with batches of %d", self.encoder.spec.name, self.batch_size)
                continue
            start += len(batch)
            yield tokens

    def _encode_batch(self, batch: Any, half: bool) -> torch.Tensor:
        """(B, T, W) float16. Half precision on a GPU only: bfloat16 is many times slower on a CPU."""
        with torch.inference_mode(), torch.autocast(self.device.type, dtype=torch.float16, enabled=half):
            tokens_BTD = self.encoder.encode(batch)
        self._check_shape(tuple(tokens_BTD.shape), len(batch))
        return self._project(tokens_BTD.float())

    def _check_shape(self, shape: tuple[int, ...], inputs: int) -> None:
        """`UsageError` when a user's own encoder does not keep the promise of its spec."""
        spec = self.encoder.spec
        expected = (inputs, spec.tokens_per_frame or "T", spec.native_dim)
        if len(shape) != 3 or any(w not in (size, "T") for size, w in zip(shape, expected, strict=True)):
            wanted = f"({', '.join(map(str, expected))})"
            raise UsageError(
                f"encoder {spec.name}: encode returned {shape} for {inputs} inputs, expected {wanted}",
                "make `encode` and the spec's `native_dim` and `tokens_per_frame` agree",
            )

    def _project(self, tokens_BTD: torch.Tensor) -> torch.Tensor:
        if self._matrix_DW is None or self._mean_D is None:
            return tokens_BTD.half()
        if self._fitted:  # fitted on tokens that were stored as float16
            tokens_BTD = tokens_BTD.half().float()
        return ((tokens_BTD - self._mean_D) @ self._matrix_DW).half()


def stack_waves(audio: torch.Tensor, starts: Sequence[int], length: int) -> torch.Tensor:
    """(B, length) float32 in [-1, 1): clips of equal length that begin at `starts` of `audio` (A,) int16, on its
    device.
    """
    return torch.stack([audio[start : start + length] for start in starts]).float() / 32768
