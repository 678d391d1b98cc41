"""What "auto" means on which machine."""

from __future__ import annotations

import pytest
import torch

from train.config import TrainConfig
from train.sizing import resolved

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
GIB = 1 << 30


@pytest.mark.parametrize(("free", "size"), [(48 * GIB, "large"), (16 * GIB, "large"), (15 * GIB, "small")])
@pytest.mark.parametrize(("capability", "precision"), [((8, 6), "bf16"), ((7, 5), "fp16")])
def test_a_gpu_is_judged_by_free_memory_and_generation(monkeypatch, free, size, capability, precision):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, free))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    found = resolved(TrainConfig(), GPU, 100_000)
    assert (found.size, found.precision) == (size, precision)
    assert found.batch_size == (256 if size == "large" else 64)


def test_the_cpu_gets_the_small_model_in_float32():
    found = resolved(TrainConfig(), CPU, 500)
    assert (found.size, found.precision, found.batch_size) == ("small", "fp32", 32)


@pytest.mark.parametrize(("clips", "batch"), [(10, 16), (200, 16), (500, 32), (800, 64), (10**6, 64)])
def test_a_small_corpus_gets_small_batches(clips: int, batch: int):
    assert resolved(TrainConfig(), CPU, clips).batch_size == batch


def test_what_is_given_is_kept():
    given = TrainConfig(size="large", precision="bf16", batch_size=3)
    assert resolved(given, CPU, 500) == given
