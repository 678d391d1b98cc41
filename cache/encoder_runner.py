"""One network on one device: batches in, float16 tokens of one or several of its layers out.

B inputs of equal length, T tokens each, D the encoder's own width, W the width of a stored token
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.batch_threads import compute_in_threads
from unmask.cache.projections.projection import FITTED, Projection
from unmask.cache.spec import Encoder, EncoderSpec, LayeredEncoder, ThreadSafeEncoder
from unmask.core.errors import UsageError
from unmask.core.processes.large_blocks import keep_large_blocks

log = logging.getLogger("unmask")

# Larger batches exceed a CPU's caches, and the system takes their memory back after each layer: 20 faces take
# EfficientNet-Lite0 .28 s on two cores in batches of 4, .43 of 10, .52 of 20. Others are fastest with 4 to 8 too.
CPU_BATCH = 4


class Output:
    """Tokens that a pass of a network gives: of the layer, and with the projection, of `spec`."""

    def __init__(self, spec: EncoderSpec, projection: Projection | None, device: torch.device) -> None:
        """`projection`: of the spec; None if it is native."""
        self.spec = spec
        self._fitted = spec.projection.startswith(FITTED)
        self._mean_D = self._matrix_DW = None
        if projection is not None:
            self._mean_D, self._matrix_DW = (
                torch.from_numpy(array).to(device) for array in (projection.mean, projection.matrix)
            )

    def project(self, tokens_BTD: torch.Tensor) -> torch.Tensor:
        """(B, T, D) float32 -> (B, T, W) float16."""
        if self._matrix_DW is None or self._mean_D is None:
            return tokens_BTD.half()
        if self._fitted:  # fitted on tokens that were stored as float16
            tokens_BTD = tokens_BTD.half().float()
        return ((tokens_BTD - self._mean_D) @ self._matrix_DW).half()


class Runner:
    """Runs an encoder in batches no larger than memory allows."""

    def __init__(self, encoder: Encoder, device: torch.device, batch_size: int, outputs: Sequence[Output]) -> None:
        """`outputs`: of the encoder itself, or of several layers where it is a LayeredEncoder."""
        if device.type == "cpu":
            keep_large_blocks()
        self.encoder, self.device, self.outputs = encoder, device, tuple(outputs)
        self.batch_size = batch_size if device.type == "cuda" else min(batch_size, CPU_BATCH)
        # float16 has three bits more than bfloat16, and these networks stay in its range. `run` falls back to float32.
        self._half = device.type == "cuda" and encoder.spec.precision == "auto"

    @classmethod
    def of(cls, encoder: Encoder, device: torch.device, batch_size: int, projection: Projection | None) -> Self:
        """With the tokens of the encoder's own spec as the only output."""
        return cls(encoder, device, batch_size, [Output(encoder.spec, projection, device)])

    def run(self, inputs: Any, outputs: Sequence[Output] | None = None) -> list[NDArray[np.float16]]:
        """(N, ...) tensor or N texts -> (N, T, W) float16 per output, all from one pass; not finite if a token exceeds
        float16. `outputs`: some of `self.outputs`; None: all.
        """
        return self.run_groups([inputs], outputs)[0]

    def run_groups(
        self, groups: Sequence[Any], outputs: Sequence[Output] | None = None
    ) -> list[list[NDArray[np.float16]]]:
        """`run` of each of `groups`. Inputs of one group are equally long, so that no batch crosses groups."""
        wanted = self.outputs if outputs is None else outputs
        at_once = self.device.type == "cpu" and getattr(self.encoder, "is_thread_safe", False)
        made = (
            self._encode_at_once(groups, wanted) if at_once else (self._encode_in_turn(one, wanted) for one in groups)
        )
        return [[tokens.cpu().numpy() for tokens in group] for group in made]

    def _encode_at_once(self, groups: Sequence[Any], outputs: Sequence[Output]) -> Iterator[list[torch.Tensor]]:
        """The batches of all groups on a CPU, several at once."""
        cast(ThreadSafeEncoder, self.encoder).load()
        starts = [range(0, len(group), self.batch_size) for group in groups]
        batches = [(group, start) for group, of_group in zip(groups, starts, strict=True) for start in of_group]

        def encode(batch: tuple[Any, int]) -> list[torch.Tensor]:
            group, start = batch
            return self._encode_batch(group[start : start + self.batch_size], outputs, False)

        made = iter(compute_in_threads(encode, batches))
        return (_join_batches(islice(made, len(of_group))) for of_group in starts)

    def _encode_in_turn(self, inputs: Any, outputs: Sequence[Output]) -> list[torch.Tensor]:
        found = _join_batches(self._encode_batches(inputs, outputs, self._half))
        if self._half:  # checked once: each check synchronizes the GPU
            beyond = [number for number, tokens in enumerate(found) if not torch.isfinite(tokens).all()]
            if beyond:
                exact = self._encode_batches(inputs, [outputs[number] for number in beyond], half=False)
                for number, tokens in zip(beyond, _join_batches(exact), strict=True):
                    found[number] = tokens
        return found

    def _encode_batches(self, inputs: Any, outputs: Sequence[Output], half: bool) -> Iterator[list[torch.Tensor]]:
        start = 0
        while start < len(inputs):
            batch = inputs[start : start + self.batch_size]
            try:
                tokens = self._encode_batch(batch, outputs, half)
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

    def _encode_batch(self, batch: Any, outputs: Sequence[Output], half: bool) -> list[torch.Tensor]:
        """(B, T, W) float16 per output. Half precision on a GPU only: bfloat16 is many times slower on a CPU."""
        layers = [output.spec.layers for output in outputs]
        with torch.inference_mode(), torch.autocast(self.device.type, dtype=torch.float16, enabled=half):
            if layers == [self.encoder.spec.layers]:
                found = [self.encoder.encode(batch)]
            else:
                found = cast(LayeredEncoder, self.encoder).encode_layers(batch, layers)
        for tokens_BTD, output in zip(found, outputs, strict=True):
            _check_shape(output.spec, tuple(tokens_BTD.shape), len(batch))
        return [output.project(tokens_BTD.float()) for tokens_BTD, output in zip(found, outputs, strict=True)]


def _join_batches(batches: Iterable[list[torch.Tensor]]) -> list[torch.Tensor]:
    """(N, T, W) of every output, from its batches."""
    return [torch.cat(of_output) for of_output in zip(*batches, strict=True)]


def _check_shape(spec: EncoderSpec, shape: tuple[int, ...], inputs: int) -> None:
    """`UsageError` when a user's own encoder does not keep the promise of its spec."""
    expected = (inputs, spec.tokens_per_frame or "T", spec.native_dim)
    if len(shape) != 3 or any(w not in (size, "T") for size, w in zip(shape, expected, strict=True)):
        wanted = f"({', '.join(map(str, expected))})"
        raise UsageError(
            f"encoder {spec.name}: encode returned {shape} for {inputs} inputs, expected {wanted}",
            "make `encode` and the spec's `native_dim` and `tokens_per_frame` agree",
        )


def stack_waves(audio: torch.Tensor, starts: Sequence[int], length: int) -> torch.Tensor:
    """(B, length) float32 in [-1, 1): clips of equal length that begin at `starts` of `audio` (A,) int16, on its
    device.
    """
    return torch.stack([audio[start : start + length] for start in starts]).float() / 32768
