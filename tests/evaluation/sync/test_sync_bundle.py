"""A run with a sync encoder, in a bundle: the learned weights lie inside, and the scores are equal."""

from __future__ import annotations

import torch

from unmask.evaluation.evaluate import evaluate
from unmask.evaluation.open_run import open_run
from unmask.manifests.manifest import read_manifest
from unmask.run import Run
from unmask.train.bundles.listing import read_listing

CPU = torch.device("cpu")


def test_the_learned_sync_weights_are_inside_and_the_scores_equal(talking_run, tmp_path):
    evaluate(talking_run.run, talking_run.work, device=CPU)
    Run(talking_run.run, talking_run.work).bundle(tmp_path / "bundle")
    needs = {need.stream: need for need in read_listing(tmp_path / "bundle").needs}
    assert {name: needs[name].source for name in ("sync-image", "sync-audio")} == dict.fromkeys(
        ("sync-image", "sync-audio"), "inside"
    )
    assert needs["sync-image"].where == needs["sync-audio"].where, "one copy of both sides"
    manifest = read_manifest(talking_run.work.manifest)
    made = open_run(tmp_path / "bundle", talking_run.work, manifest, CPU, profile=talking_run.profile)
    numbers = list(made.list_scorable().values())
    here, there = (one.score(numbers, device=CPU)[0] for one in (talking_run.open(), made))
    assert here.logit.tolist() == there.logit.tolist()
    assert here.score.tolist() == there.score.tolist()
