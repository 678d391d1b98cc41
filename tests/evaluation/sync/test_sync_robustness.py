"""The sync encoder under corruptions: its audio side is corrupted, and the curves are computed again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from unmask.evaluation.evaluate import evaluate
from unmask.evaluation.robustness import robustness
from unmask.evaluation.robustness.cell_tokens import Cell, encode_cells, list_changed
from unmask.evaluation.robustness.corruptions import choose_corruptions

CPU = torch.device("cpu")


def test_audio_noise_changes_the_curves_and_leaves_mouths_clean(talking_run: Any):
    evaluate(talking_run.run, talking_run.work, device=CPU)
    test = robustness._Test.open(talking_run.run, talking_run.work, CPU)
    assert set(list_changed(test.opened, "audio")) == {"tiny_audio", "sync-audio"}
    assert list_changed(test.opened, "image") == ["tiny_image"]
    cell = Cell(*choose_corruptions(["audio-noise"]), 3)
    ids = {"audio": [row.media_id for row in test.items.rows]}
    tokens = encode_cells(test.opened, talking_run.work, ids, [cell], device=CPU, batch_size=16)
    changed = replace(test.opened, data=robustness._replace_tokens(test.opened.data, tokens.stores[cell]))
    clips = np.flatnonzero(np.isin(test.opened.data.clips.item, test.numbers))
    before, after = (one.data.sync.compare(clips, clips, 5) for one in (test.opened, changed))
    assert not np.allclose(before, after, atol=0.01, equal_nan=True)
    assert test.score(cell, tokens.stores[cell], CPU).items == len(test.items)
