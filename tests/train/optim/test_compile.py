"""torch.compile: the same model, only faster or slower. The suite only traces; `make campaigns` really compiles."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from unmask.core.errors import UsageError
from unmask.train.config import TrainConfig
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.presets import make_preset

CPU = torch.device("cpu")
QUICK = {"size": "small", "epochs": 2, "batch_size": 16, "compile": True}


@pytest.fixture(autouse=True)
def forgotten():
    """What earlier tests traced counts towards the number of times that a function may be traced."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models are traced and differentiated as a whole, but no compiler is run."""
    calls: list[str] = []
    whole = nn.Module.compile

    def compile_(self: nn.Module, **named: object) -> None:
        calls.append(type(self).__name__)
        whole(self, backend="aot_eager", **named)

    monkeypatch.setattr(nn.Module, "compile", compile_)
    return calls


def _losses(run: Path) -> list[float]:
    return [json.loads(line)["train"]["total"] for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("name", "blocks"), [("contrastive", 2), ("cross-attention", 2), ("late-fusion", 6)])
def test_compiled_blocks_take_the_same_steps(
    make_data, mixed, tmp_path: Path, traced: list[str], name: str, blocks: int
):
    # Dropout draws other random numbers in compiled code, so it has to be off.
    config = make_preset(name).changed(QUICK | {"dropout": 0.0, "gradient_penalty": 0.1, "ema": 0.5})
    data = make_data(mixed(60))
    fit(data, config, tmp_path / "compiled", device=CPU)
    assert traced == ["Block"] * 2 * blocks, "of the trained model and of its average"
    fit(data, config.changed({"compile": False}), tmp_path / "plain", device=CPU)
    assert _losses(tmp_path / "compiled") == pytest.approx(_losses(tmp_path / "plain"), rel=1e-3)


def test_traced_code_repeats_to_the_last_digit_and_its_weights_load_anywhere(
    make_data, mixed, tmp_path: Path, traced: list[str]
):
    _check_repeats(make_data(mixed(40)), tmp_path)


@pytest.mark.campaign
@pytest.mark.timeout(0)
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="needs a C++ compiler")
def test_compiled_code_repeats_to_the_last_digit_and_its_weights_load_anywhere(make_data, mixed, tmp_path: Path):
    _check_repeats(make_data(mixed(40)), tmp_path)


def _check_repeats(data: TokenData, tmp_path: Path) -> None:
    config = TrainConfig(preset="quick", **QUICK)
    for name in ("a", "b"):
        fit(data, config, tmp_path / name, device=CPU)
    saved, again = (torch.load(tmp_path / name / "last.pth", weights_only=True)["model"] for name in ("a", "b"))
    assert list(saved) == list(again)
    for name, weight in saved.items():
        torch.testing.assert_close(weight, again[name], rtol=0, atol=0)
    fit(data, config.changed({"compile": False, "epochs": 1}), tmp_path / "plain", device=CPU)
    assert list(torch.load(tmp_path / "plain" / "last.pth", weights_only=True)["model"]) == list(saved)


def test_a_machine_without_a_compiler_gets_a_remedy(make_data, mixed, tmp_path: Path, monkeypatch):
    from torch._dynamo.exc import InternalTorchDynamoError

    def broken(self: nn.Module, **named: object) -> None:
        def forward(*_: object) -> None:
            raise InternalTorchDynamoError("no compiler here", None, None)

        self.forward = forward

    monkeypatch.setattr(nn.Module, "compile", broken)
    with pytest.raises(UsageError, match="no compiler here") as told:
        fit(make_data(mixed(40)), TrainConfig(**QUICK), tmp_path / "run", device=CPU)
    assert "train.compile=false" in told.value.hint
