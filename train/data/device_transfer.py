"""Copy several arrays to a device at once: on a GPU one asynchronous copy instead of many."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

# Alignment of the arrays in the common buffer, in bytes.
ALIGNED = 16


class Parcel:
    """`place = parcel.add(array)` for each, then once `tensors = parcel.send()`: tensors[place] is the array there."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._arrays: list[NDArray[Any]] = []

    def add(self, array: NDArray[Any]) -> int:
        self._arrays.append(np.ascontiguousarray(array))
        return len(self._arrays) - 1

    def send(self) -> list[torch.Tensor]:
        if self.device.type != "cuda":
            return [torch.from_numpy(array).to(self.device) for array in self._arrays]
        # Only a pinned copy is asynchronous; PyTorch keeps the pinned block until the copy is done.
        packed, begins = self.pack(pinned=True)
        there = packed.to(self.device, non_blocking=True)
        return [_view(there, begin, array) for begin, array in zip(begins, self._arrays, strict=True)]

    def pack(self, *, pinned: bool) -> tuple[torch.Tensor, list[int]]:
        """All arrays as bytes one after another, and where each begins."""
        sizes = np.array([array.nbytes for array in self._arrays], np.int64)
        ends = np.cumsum(-(-sizes // ALIGNED) * ALIGNED)
        begins = (ends - -(-sizes // ALIGNED) * ALIGNED).tolist()
        buffer = torch.empty(int(ends[-1]) if len(ends) else 0, dtype=torch.uint8, pin_memory=pinned)
        for begin, array in zip(begins, self._arrays, strict=True):
            buffer.numpy()[begin : begin + array.nbytes] = array.reshape(-1).view(np.uint8)
        return buffer, begins


def _view(packed: torch.Tensor, begin: int, array: NDArray[Any]) -> torch.Tensor:
    kind = torch.from_numpy(array[:0]).dtype
    return packed[begin : begin + array.nbytes].view(kind).view(array.shape)


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    if tensor.device == device or device.type != "cuda":
        return tensor.to(device)
    return tensor if tensor.is_cuda else tensor.pin_memory().to(device, non_blocking=True)
