"""Several processes take the steps of one. Real processes, join_world by gloo on the CPU."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import multiprocessing

from unmask.core.errors import UsageError
from unmask.train import fit as fit_module
from unmask.train.auto_size import SIZES, Size, resolve_auto
from unmask.train.config import TrainConfig
from unmask.train.data.sampler import Sampler
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.optim.distributed import World, join_world
from unmask.train.run_folder import load_state
from unmask.train.run_setup import _resolve_alike

CPU = torch.device("cpu")
TWO_PARTS = TrainConfig(size="small", epochs=2, batch_size=8, accumulate=2, lr=2e-3, ema=0.9)


def _rank(rank: int, port: int, size: int, tiny: Size, data: TokenData, config: TrainConfig, run: Path) -> None:
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    SIZES["small"] = tiny
    summary = fit(data, config, run, device=CPU)
    (run / f"rank-{rank}.json").write_text(summary.model_dump_json())


def _fit_by(size: int, data: TokenData, config: TrainConfig, run: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = (port, size, SIZES["small"], data, config, run)
    multiprocessing.start_processes(_rank, given, nprocs=size, start_method="forkserver")


@pytest.mark.parametrize("loss", ["cdan", "coral"])
def test_two_processes_train_the_model_that_one_does(make_data, mixed, tmp_path: Path, loss: str):
    data, config = make_data(mixed(95)), TWO_PARTS.model_copy(update={"domain_loss": loss})
    clips = data.select(("eye", "ear", "ear_two", "reader"), "train")
    steps = Sampler.of(data, ("eye", "ear", "ear_two", "reader"), clips, config).steps(1)
    assert {len(step) for step in steps} == {2}
    fit(data, config, tmp_path / "one", device=CPU)
    _fit_by(2, data, config, tmp_path / "two")
    one, two = (load_state(tmp_path / name / "last.pth", CPU) for name in ("one", "two"))
    for part in ("model", "average"):
        torch.testing.assert_close(two[part], one[part], rtol=1e-3, atol=2e-5)
    alone, together = (_lines(tmp_path / name) for name in ("one", "two"))
    for ours, theirs in zip(alone, together, strict=True):
        assert theirs["train"] == pytest.approx(ours["train"], rel=1e-4, abs=1e-6)
        assert theirs["validation"]["pooled"] == pytest.approx(ours["validation"]["pooled"], abs=1e-3)
        assert theirs["validation"]["loss"] == pytest.approx(ours["validation"]["loss"], rel=1e-4)
    first, second = ((tmp_path / "two" / f"rank-{rank}.json").read_text() for rank in (0, 1))
    assert first == second, "every process gives its caller the same summary"


def test_a_run_of_one_process_is_continued_by_two_of_which_one_has_nothing_to_do(
    make_data, mixed, tmp_path: Path, monkeypatch
):
    data = make_data(mixed(60))
    # With a scaler, which must be whole in a process that never scales a loss.
    config = TWO_PARTS.model_copy(update={"accumulate": 1, "precision": "fp16"})
    fit(data, config, tmp_path / "one", device=CPU)
    validate, calls = fit_module.validate, []

    def stops(*given, **named):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return validate(*given, **named)

    monkeypatch.setattr(fit_module, "validate", stops)
    assert fit(data, config, tmp_path / "two", device=CPU).stopped
    _fit_by(2, data, config, tmp_path / "two")
    one, two = (load_state(tmp_path / name / "last.pth", CPU) for name in ("one", "two"))
    torch.testing.assert_close(two["model"], one["model"], rtol=1e-3, atol=2e-5)
    assert two["scaler"] == one["scaler"]
    assert [line["epoch"] for line in _lines(tmp_path / "two")] == [1, 2]


class _Rank(World):
    """A process that is told what the first one says."""

    def broadcast_first(self, number: int) -> int:
        return {0: 1, 64: 32}.get(number, number)


def test_all_processes_take_the_settings_that_the_first_one_found():
    mine = TrainConfig(size="large", precision="fp32", batch_size=64, accumulate=2)
    found = _resolve_alike(mine, _Rank(CPU, 1, 2))
    assert (found.size, found.precision, found.batch_size, found.accumulate) == ("small", "bf16", 32, 2)


def _lines(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("given", "batches"), [(1, 4), (2, 4), (4, 4), (3, 12)])
def test_an_automatic_batch_is_cut_so_that_every_process_has_one(given: int, batches: int):
    alone = resolve_auto(TrainConfig(accumulate=given), CPU, 10_000)
    shared = resolve_auto(TrainConfig(accumulate=given), CPU, 10_000, processes=4)
    assert shared.accumulate == batches
    assert shared.accumulate * shared.batch_size == alone.accumulate * alone.batch_size


def test_batches_that_do_not_go_round_are_refused_with_the_setting():
    with pytest.raises(UsageError, match=r"train\.accumulate=4"):
        resolve_auto(TrainConfig(batch_size=8, accumulate=3), CPU, 10_000, processes=4)


def test_trainings_one_after_another_stay_in_the_processes_that_began_them(tmp_path: Path, monkeypatch):
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    join_world(CPU).leave()
    assert dist.is_initialized(), "it was another call that joined"
    World(CPU, joined=True).leave()
    assert not dist.is_initialized()


def test_every_batch_of_a_step_has_one_owner():
    worlds = [World(CPU, rank, 3) for rank in range(3)]
    assert sorted(part for world in worlds for part in world.share(range(7))) == list(range(7))


def test_a_number_of_processes_without_their_address_is_wrong_usage(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="WORLD_SIZE=2"):
        join_world(CPU)
