"""Batches of a network on a CPU by several threads: the same tokens whatever their number, errors, torch's settings."""

from __future__ import annotations

from threading import Barrier, get_ident
from typing import Any

import numpy as np
import pytest
import torch

from unmask.cache.batch_threads import compute_in_threads
from unmask.cache.encoder_runner import CPU_BATCH, Output, Runner
from unmask.cache.encoders import make_encoder
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("keep_threads")


def make_runner(name: str, layers: list[int] | None = None) -> Runner:
    encoders = [make_encoder(EncoderChoice(name=name, projection="native", layer=one), CPU) for one in layers or [None]]
    return Runner(encoders[-1], CPU, 64, [Output(encoder.spec, None, CPU) for encoder in encoders])


def draw(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_tokens_do_not_depend_on_the_number_of_threads(threads):
    """oneDNN divides the sums of Lite0's convolutions between the threads of an operation."""
    faces = (draw(3 * CPU_BATCH + 1, 224, 224, 3) * 255).to(torch.uint8)
    torch.set_num_threads(1)
    (alone,) = make_runner("efficientnet_lite0").run(faces)
    torch.set_num_threads(threads)
    (together,) = make_runner("efficientnet_lite0").run(faces)
    np.testing.assert_array_equal(together, alone)


def test_a_single_batch_does_not_depend_on_it_either():
    faces = (draw(2, 224, 224, 3) * 255).to(torch.uint8)
    torch.set_num_threads(1)
    (alone,) = make_runner("efficientnet_lite0").run(faces)
    torch.set_num_threads(4)
    (together,) = make_runner("efficientnet_lite0").run(faces)
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("threads", [1, 3])
def test_groups_of_several_lengths_and_layers_are_put_together_in_their_order(threads):
    torch.set_num_threads(threads)
    runner = make_runner("whisper_tiny", [1, 2])
    groups = [draw(1, 16_000) - 0.5, draw(2 * CPU_BATCH + 1, 24_000) - 0.5, draw(2, 64_000) - 0.5]
    made = runner.run_groups(groups)
    assert [[tokens.shape[0] for tokens in group] for group in made] == [[1, 1], [9, 9], [2, 2]]
    for group, of_group in zip(groups, made, strict=True):
        for number, output in enumerate(runner.outputs):
            (expected,) = runner.run(group, [output])
            np.testing.assert_array_equal(of_group[number], expected)


def test_each_operation_stays_in_its_thread_and_torch_is_left_as_it_was():
    torch.set_num_threads(3)
    together = Barrier(3, timeout=60)

    def compute(task: int) -> tuple[int, int, int]:
        together.wait()  # nobody passes before three threads are here
        return task, torch.get_num_threads(), get_ident()

    tasks, threads, names = zip(*compute_in_threads(compute, range(6)), strict=True)
    assert tasks == tuple(range(6))
    assert set(threads) == {1}
    assert len(set(names)) == 3
    assert get_ident() not in names
    assert torch.get_num_threads() == 3


def test_the_first_error_ends_it_and_torch_is_left_as_it_was():
    torch.set_num_threads(2)
    begun: list[int] = []

    def compute(task: int) -> int:
        begun.append(task)
        if task == 1:
            raise ValueError("task 1")
        return task

    with pytest.raises(ValueError, match="task 1"):
        compute_in_threads(compute, range(10_000))
    assert len(begun) < 10_000, "the tasks after it were cancelled"
    assert torch.get_num_threads() == 2


def test_nothing_to_compute():
    torch.set_num_threads(2)
    assert compute_in_threads(abs, []) == []


def test_an_encoder_that_is_not_thread_safe_is_called_by_one_thread():
    torch.set_num_threads(3)
    callers: set[int] = set()

    class Own:
        def __init__(self) -> None:
            self._inner: Any = make_encoder(EncoderChoice(name="tiny_image", projection="native"), CPU)
            self.spec = self._inner.spec

        def encode(self, batch: torch.Tensor) -> torch.Tensor:
            callers.add(get_ident())
            tokens: torch.Tensor = self._inner.encode(batch)
            return tokens

    own = Own()
    Runner(own, CPU, 64, [Output(own.spec, None, CPU)]).run((draw(20, 32, 32, 3) * 255).to(torch.uint8))
    assert callers == {get_ident()}
