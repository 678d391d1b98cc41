"""A file that crashes the model costs its own verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from unmask.core.errors import MissingInput
from unmask.evaluation import predict as module
from unmask.evaluation.predict import predict

CPU = torch.device("cpu")


@pytest.fixture
def files(chain) -> list[Path]:
    good = [row for row in chain.manifest.rows() if row.status == "ok" and row.kind == "image"]
    return [chain.manifest.locate(row) for row in good[:3]]


def test_an_item_that_crashes_the_model_has_a_reason_and_the_others_their_scores(chain, files, monkeypatch):
    expected = predict(files, chain.run, device=CPU)
    score = module._score_items

    def touchy(opened, numbers, *rest):
        if min(opened.list_scorable().values()) in numbers.values():
            raise IndexError("one item")
        return score(opened, numbers, *rest)

    monkeypatch.setattr(module, "_score_items", touchy)
    verdicts = predict(files, chain.run, device=CPU)
    crashed = [verdict for verdict in verdicts if verdict.score is None]
    assert [verdict.verdict for verdict in crashed] == ["unreadable"]
    assert str(crashed[0].reason).startswith("crashed: IndexError: one item")
    assert [v.score for v in verdicts if v.score] == pytest.approx(
        [e.score for e, v in zip(expected, verdicts, strict=True) if v.score], abs=1e-4
    )


def test_a_fault_of_the_whole_run_ends_it(chain, files, monkeypatch):
    def missing(*_):
        raise MissingInput("no weights", "fetch them")

    monkeypatch.setattr(module, "_score_items", missing)
    with pytest.raises(MissingInput):
        predict(files, chain.run, device=CPU)
