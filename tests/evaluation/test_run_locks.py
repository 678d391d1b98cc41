"""A run has one writer at a time, and a second is told which, whatever command it came from."""

from __future__ import annotations

import pytest
import torch
from tiny_chain import Chain, config

from unmask.cache.stage import open_tokens
from unmask.core.file_lock import Held, hold_lock
from unmask.evaluation.ablation import ablate as ablation
from unmask.evaluation.evaluate import evaluate
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.run_folder import LOCK

CPU = torch.device("cpu")
TOLD = "another training or evaluation of this run is already running in .*: process"


def test_a_second_training_or_evaluation_is_refused_and_told_which(chain: Chain):
    before = {path: path.read_bytes() for path in chain.run.rglob("*") if path.is_file() and path.name != LOCK}
    data = TokenData.load(chain.manifest, open_tokens(chain.work, chain.manifest))
    with hold_lock(chain.run / LOCK, "a test"):
        with pytest.raises(Held, match=TOLD):
            evaluate(chain.run, chain.work, device=CPU)
        with pytest.raises(Held, match=TOLD):
            fit(data, config(), chain.run, device=CPU)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_an_ablation_does_not_take_a_busy_run_for_one_that_cannot_be_trained(chain: Chain, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise Held("another training of this run is already running", "wait until it has ended")

    monkeypatch.setattr(ablation, "fit", refuse)
    with pytest.raises(Held):
        ablation.ablate(chain.work, {"full": config()}, (0,), device=CPU)


def test_an_unknown_run_gets_no_folder(chain: Chain):
    with pytest.raises(Exception, match="nothing"):
        evaluate(chain.work.runs / "nothing", chain.work, device=CPU)
    assert not (chain.work.runs / "nothing").exists()
