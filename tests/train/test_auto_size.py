"""What "auto" means on which machine."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch
from one_step import compute_losses

from unmask.train.auto_size import SIZES, Size, activation_bytes, count_passes, resolve_auto
from unmask.train.config import TrainConfig
from unmask.train.data.sampler import Sampler
from unmask.train.models.detector import Detector
from unmask.train.presets import PRESETS, make_preset
from unmask.train.run_setup import build_shape

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
GIB = 1 << 30


@pytest.mark.parametrize(("free", "size"), [(48 * GIB, "large"), (16 * GIB, "large"), (15 * GIB, "small")])
@pytest.mark.parametrize(("capability", "precision"), [((8, 6), "bf16"), ((7, 5), "fp16")])
def test_a_gpu_is_chosen_by_free_memory_and_generation(monkeypatch, free, size, capability, precision):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, free))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    found = resolve_auto(TrainConfig(), GPU, 100_000)
    assert (found.size, found.precision) == (size, precision)
    assert found.batch_size == (256 if size == "large" else 64)


def test_the_cpu_gets_the_small_model_in_float32():
    found = resolve_auto(TrainConfig(), CPU, 500)
    assert (found.size, found.precision, found.batch_size) == ("small", "fp32", 32)


@pytest.mark.parametrize(("clips", "batch"), [(10, 16), (200, 16), (500, 32), (800, 64), (10**6, 64)])
def test_a_small_corpus_gets_small_batches(clips: int, batch: int):
    assert resolve_auto(TrainConfig(), CPU, clips).batch_size == batch


def test_what_is_given_is_kept():
    given = TrainConfig(size="large", precision="bf16", batch_size=3)
    assert resolve_auto(given, CPU, 500) == given


def test_long_clips_are_taken_in_smaller_batches_of_the_same_step(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (16 * GIB, 16 * GIB))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 6))
    short, long = (resolve_auto(TrainConfig(), GPU, 100_000, slots=slots) for slots in (50, 1_000))
    assert (short.batch_size, short.accumulate) == (256, 1)
    assert long.batch_size < 256
    assert long.batch_size * long.accumulate == 256
    assert activation_bytes(SIZES["large"], long.batch_size, 1_000) < 8 * GIB
    assert resolve_auto(TrainConfig(), GPU, 100_000, slots=10**7).batch_size == 1, (
        "a clip that never fits is tried alone"
    )


def test_processes_and_memory_cut_a_step_together(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (16 * GIB, 16 * GIB))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 6))
    for processes, slots in itertools.product((1, 2, 3, 8), (50, 1_000)):
        found = resolve_auto(TrainConfig(accumulate=2), GPU, 100_000, processes=processes, slots=slots)
        assert found.accumulate % processes == 0
        assert 512 <= found.batch_size * found.accumulate < 512 + found.accumulate


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("name", PRESETS)
def test_a_step_keeps_no_more_than_it_was_said_to(make_data, mixed, monkeypatch, name: str, size: str):
    monkeypatch.setitem(SIZES, "small", Size(layers=2, heads=4, width=256, feedforward=512, max_batch=64))
    data = make_data(mixed(30))
    config = make_preset(name).changed({"size": size, "gradient_penalty": 1.0})
    names, clips = data.choose_encoders(config), np.arange(24)
    if config.fusion == "parts":  # the others pad every clip to the longest, and keep that too
        tokens = data.lengths(names)[clips].sum(axis=1)
        clips = clips[tokens == tokens.max()]
    sampler = Sampler.of(data, names, clips, config)
    model, batch = (
        Detector(build_shape(data, config, names, sampler)),
        data.batch(clips[data.lengths(names)[clips].sum(axis=1) > 0], names, device=CPU),
    )
    kept = _kept_bytes(model, lambda: compute_losses(model, config, batch))
    said = activation_bytes(SIZES[size], len(batch), batch.slots, count_passes(config))
    assert kept <= said
    if config.fusion in ("parts", "joint", "cross", "within"):
        assert said < 3 * kept, "and not so much less that memory stays empty"


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_step_of_mixed_layers_keeps_no_more_than_it_was_said_to(make_data, made_item, monkeypatch, size: str):
    monkeypatch.setitem(SIZES, "small", Size(layers=2, heads=4, width=256, feedforward=512, max_batch=64))
    data = make_data([made_item(n % 2, {"ear": 20, "ear_two": 20}) for n in range(8)], layers={"ear": 1, "ear_two": 2})
    config, names, clips = make_preset("full").changed({"size": size}), ("ear", "ear_two"), np.arange(8)
    model = Detector(build_shape(data, config, names, Sampler.of(data, names, clips, config)))
    batch = data.batch(clips, names, device=CPU, mixtures=model.mixtures)
    kept = _kept_bytes(model, lambda: compute_losses(model, config, batch))
    assert batch.slots == 21
    assert kept <= activation_bytes(SIZES[size], 8, 21, count_passes(config), tokens=41)
    apart = activation_bytes(SIZES[size], 8, 41, count_passes(config))
    assert activation_bytes(SIZES[size], 8, 21, count_passes(config), tokens=41) < 0.7 * apart


def test_measuring_keeps_no_graph():
    model, given = torch.nn.Linear(3, 3), torch.ones(2, 3)
    made: list[weakref.ref[torch.Tensor]] = []

    def run() -> torch.Tensor:
        made.append(weakref.ref(result := model(given).exp()))  # exp keeps its own result for the backward pass
        return result

    assert _kept_bytes(model, run) > 0
    gc.collect()
    assert made[0]() is None


def _kept_bytes(model: torch.nn.Module, run: Callable[[], object]) -> int:
    """What autograd holds for the backward pass of `run`, without the weights."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    # A hook that hands back the tensor itself keeps the graph alive for ever.
    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        alive = run()
    assert alive is not None
    return sum(kept.values())
