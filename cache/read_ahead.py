"""Reading ahead of encoders and training: several readers, a bounded queue, and one copy to the GPU at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

Task = TypeVar("Task")
Read = TypeVar("Read")

# Of the host's memory: a shard is copied through them in parts.
BUFFERS, BUFFER_BYTES = 2, 32 << 20


def read_ahead(
    tasks: Iterable[Task], read: Callable[[Task], Read], place: Callable[[Read], Read] | None = None, *, readers: int
) -> Iterator[Read]:
    """Yield place(read(task)) of every task, in order.

    While one is in use, the next is placed by a thread of its own, and those after it are read by `readers` threads. So
    there are never more than `readers` + 2 of them, one less without `place`, however slow the use is.
    """
    with (
        ThreadPoolExecutor(readers, thread_name_prefix="read-ahead") as pool,
        ThreadPoolExecutor(1, thread_name_prefix="place-ahead") as placer,
    ):
        left = iter(tasks)
        reading = deque(pool.submit(read, task) for task in islice(left, readers))
        next_placed: Future[Read] | None = None
        while reading or next_placed:
            placed, next_placed = next_placed, None
            if reading:
                following = reading.popleft()
                next_placed = following if place is None else placer.submit(_place, place, following)
            if placed is not None:
                yield placed.result()
                del placed  # or the one in use would stay while the next is waited for
            reading.extend(pool.submit(read, task) for task in islice(left, readers - len(reading)))


def _place(place: Callable[[Read], Read], waiting: Future[Read]) -> Read:
    return place(waiting.result())


class GpuCopies:
    """Copies arrays to a GPU through pinned buffers, on a CUDA stream of its own while another stream computes.

    Pinned memory is copied asynchronously and at the full rate of the bus. The buffers are allocated once, because an
    allocation waits for all work of the GPU, and shards differ in size.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)
        self._buffers = [torch.empty(BUFFER_BYTES, dtype=torch.uint8, pin_memory=True) for _ in range(BUFFERS)]
        self._events = [torch.cuda.Event() for _ in range(BUFFERS)]
        self._lock = Lock()

    def copy(self, array: NDArray[Any]) -> torch.Tensor:
        """The array on the GPU. Returns when it is there; threads that call at once take turns."""
        with self._lock, torch.cuda.stream(self._stream):
            there = torch.empty(array.shape, dtype=torch.from_numpy(array[:0]).dtype, device=self._stream.device)
            copy_in_parts(array, there, self._buffers, self._wait, self._note)
            self._stream.synchronize()
        return there

    def _wait(self, number: int) -> None:
        self._events[number].synchronize()  # at once for an event that was never recorded

    def _note(self, number: int) -> None:
        self._events[number].record(self._stream)


def copy_in_parts(
    array: NDArray[Any],
    there: torch.Tensor,
    buffers: Sequence[torch.Tensor],
    wait: Callable[[int], None],
    note: Callable[[int], None],
) -> None:
    """Copy `array` into the contiguous tensor `there` by way of `buffers` (bytes, of one size), in turns.

    `wait` is called with the number of a buffer before it is filled again, `note` after a copy from it was begun.
    """
    source = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    if not len(source):
        return
    target, size = there.reshape(-1).view(torch.uint8), len(buffers[0])
    for part, begin in enumerate(range(0, len(source), size)):
        number, piece = part % len(buffers), source[begin : begin + size]
        wait(number)
        buffers[number].numpy()[: len(piece)] = piece
        target[begin : begin + len(piece)].copy_(buffers[number][: len(piece)], non_blocking=True)
        note(number)
