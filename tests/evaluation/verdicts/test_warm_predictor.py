"""Verdicts of a warm process are those of `predict`, and a bad file costs only itself."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import torch
from tiny_chain import Chain

from unmask.core.warm import kept_values
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.predict import predict
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.evaluation.verdicts.warm import WarmPredictor

CPU = torch.device("cpu")


def test_a_warm_process_scores_as_a_new_one(chain: Chain, tmp_path: Path):
    picture = chain.data_root / "pictures/test/fake/0.png"
    sound, damaged = chain.data_root / "sounds/test/real/0.wav", chain.data_root / "pictures/test/real/<damaged>.png"
    files = [picture, sound, damaged, picture, sound]
    expected = [predict([path], chain.run, device=CPU)[0] for path in files]
    found: list[Verdict] = []
    stages: list[str] = []
    kept: list[int] = []

    def judge() -> None:
        """In a thread, as the service does, where no process can be forked."""
        with WarmPredictor(chain.run, CPU, PredictOptions(folder=tmp_path)) as warm:
            warm.warm_up()
            for path in files:
                found.extend(warm.predict([path], stages.append))
                assert kept_values._kept is not None
                kept.append(len(kept_values._kept))

    thread = threading.Thread(target=judge)
    thread.start()
    thread.join()
    assert [replace(one, custody=None) for one in found] == [replace(one, custody=None) for one in expected]
    assert None not in {verdict.score for verdict in (found[0], found[1])}
    assert stages[:2] == ["reading", "judging"]
    assert len(set(kept)) == 1, "something new was kept after the warm-up"
    assert list(tmp_path.iterdir()) == []
    assert not kept_values.is_keeping()
