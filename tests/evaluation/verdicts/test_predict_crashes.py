"""A file that crashes an encoder or the model costs its own verdict."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from unmask.core.errors import MissingInput
from unmask.evaluation.verdicts import scored_files as module
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.unscored_files import explain_missing_score
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome

CPU = torch.device("cpu")
LOADED: Any = SimpleNamespace(info=SimpleNamespace(threshold=0.5, streams={}))
OPENED: Any = SimpleNamespace(loaded=LOADED, list_scorable=lambda: {"a": 0, "b": 1, "c": 2})


def test_an_item_that_crashes_the_model_has_a_reason_and_the_others_their_scores(monkeypatch):
    def score(opened, numbers, known, device, options):
        if "b" in numbers:
            raise IndexError("one item")
        return {name: Verdict(path="", verdict="real", threshold=0.5, score=0.25) for name in numbers}

    monkeypatch.setattr(module, "score_items", score)
    verdicts = module.score_safely(OPENED, {}, CPU, PredictOptions())
    assert {name: verdict.score for name, verdict in verdicts.items()} == {"a": 0.25, "b": None, "c": 0.25}
    assert verdicts["b"].verdict == "unreadable"
    assert str(verdicts["b"].reason).startswith("crashed: IndexError: one item")


def test_a_fault_of_the_whole_run_ends_it(monkeypatch):
    def missing(*_):
        raise MissingInput("no weights", "fetch them")

    monkeypatch.setattr(module, "score_items", missing)
    with pytest.raises(MissingInput):
        module.score_safely(OPENED, {}, CPU, PredictOptions())


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_a_run_that_cannot_be_read_now_is_no_verdict_about_a_file(monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number), "/run/verdict-models.json")

    monkeypatch.setattr(module, "score_items", fail)
    with pytest.raises(OSError, match=r"verdict-models\.json"):
        module.score_safely(OPENED, {}, CPU, PredictOptions())


def test_a_file_whose_clips_crashed_the_encoder_says_so():
    row = MediaRow(
        media_id="a", dataset="files", domain_id=-1, path="a.png", kind="image", label=None, method="unknown"
    )
    known = {"a": Outcome(media_id="a", dataset="files", path="a.png", outcome="done")}
    verdict = explain_missing_score(LOADED, row, known, {"a": "crashed: KeyError: 'x'"})
    assert (verdict.verdict, verdict.reason) == ("unreadable", "crashed: KeyError: 'x'")
