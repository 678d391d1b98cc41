"""Reading ahead of encoders that are faster than the reading: overlap and bounds, shown by events, not by clocks."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pytest
import torch

from unmask.cache.read_ahead import copy_in_parts, read_ahead

PATIENCE_S = 60


class Counted:
    """How many tasks are being read, and how many are there."""

    def __init__(self, together: int) -> None:
        self.lock = threading.Lock()
        self.reading = self.most_reading = self.started = self.used = 0
        self.most_alive = 0
        self.barrier = threading.Barrier(together)

    def read(self, task: int) -> int:
        with self.lock:
            self.reading += 1
            self.started += 1
            self.most_reading = max(self.most_reading, self.reading)
            self.most_alive = max(self.most_alive, self.started - self.used)
        # Only goes on when as many are reading at once: an encoder that is ten times faster waits for each anyway.
        self.barrier.wait(PATIENCE_S)
        with self.lock:
            self.reading -= 1
        return task


def _note(events: list[str], what: str, number: int) -> None:
    events.append(f"{what} {number}")


def test_without_a_copy_there_is_one_less_at_a_time():
    started: list[int] = []
    for used, task in enumerate(read_ahead(range(9), lambda task: started.append(task) or task, readers=1)):
        assert task == used
        assert max(started) <= used + 1
    assert started == list(range(9))


def test_several_shards_are_read_at_once_for_an_encoder_faster_than_one_reader():
    counted = Counted(together=3)
    found = []
    for task in read_ahead(range(12), counted.read, lambda task: task * 10, readers=3):
        found.append(task)
        counted.used += 1
    assert found == list(range(0, 120, 10))
    assert counted.most_reading == 3
    assert counted.most_alive <= 3 + 2, "the queue is bounded"


def test_a_slow_encoder_is_not_overrun():
    started = []
    waiting = read_ahead(range(30), lambda task: started.append(task) or task, lambda task: task, readers=2)
    for task in waiting:
        assert max(started) <= task + 2 + 1
    assert sorted(started) == list(range(30))


def test_the_next_shard_is_placed_while_one_is_encoded():
    placed = [threading.Event() for _ in range(4)]
    for task in read_ahead(range(4), lambda task: task, lambda task: placed[task].set() or task, readers=1):
        if task < 3:
            assert placed[task + 1].wait(PATIENCE_S), "nobody asked for it yet"


def test_an_error_of_a_reader_comes_in_its_turn():
    coming = read_ahead([2, 1, 0, 5], lambda task: 10 // task, lambda task: task, readers=3)
    assert [next(coming), next(coming)] == [5, 10]
    with pytest.raises(ZeroDivisionError):
        next(coming)


def test_a_buffer_is_filled_again_only_after_it_was_waited_for():
    array = np.random.default_rng(0).integers(-9, 9, (7, 11, 3)).astype(np.int16)
    there, buffers = torch.zeros(array.shape, dtype=torch.int16), [torch.zeros(64, dtype=torch.uint8) for _ in range(2)]
    events: list[str] = []
    copy_in_parts(
        array,
        there,
        buffers,
        lambda number: events.append(f"wait {number}"),
        lambda number: events.append(f"note {number}"),
    )
    np.testing.assert_array_equal(there.numpy(), array)
    parts = -(-array.nbytes // 64)
    assert events == [f"{what} {part % 2}" for part in range(parts) for what in ("wait", "note")]
    copy_in_parts(array[:0], there[:0], buffers, *(partial(_note, events, what) for what in ("wait", "note")))
    assert len(events) == 2 * parts
