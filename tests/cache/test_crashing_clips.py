"""One clip that an encoder or an augmentation cannot take costs itself alone, and is tried again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from raised_errors import RAISED

from unmask.cache import extraction_plan, shard_media
from unmask.cache.augmentations import augment_faces
from unmask.cache.encoders import make_encoder
from unmask.cache.stage import extract, open_tokens
from unmask.core.errors import MachineFailed, UsageError
from unmask.core.stage_report import StageReport
from unmask.preprocess.profiles import AugmentationSettings, EncoderChoice

CPU = torch.device("cpu")
ITEMS = ("image-1", "image-2", "image-4", "video-3")
EXCEPTIONS = [name for name in RAISED if name not in ("SystemExit", "Panic", "StopIteration")]
"""In this process SystemExit is a request to stop it; generators turn StopIteration into RuntimeError."""


class Touchy:
    """A real encoder that raises for white faces."""

    def __init__(self, error: str | Exception) -> None:
        self._inner = make_encoder(EncoderChoice(name="tiny_image"), CPU)
        self.spec, self.error = self._inner.spec, error

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        if (batch.flatten(1).float().mean(dim=1) == 255).any():
            if isinstance(self.error, Exception):
                raise self.error
            RAISED[self.error]()
        return self._inner.encode(batch)


@pytest.fixture
def one_white(media: Any) -> Any:
    """Four items in one shard, the second one white."""

    def white(item: Any) -> Any:
        if item.media_id != media.rows[1].media_id:
            return item
        return replace(item, clips=tuple(replace(clip, faces=np.full_like(clip.faces, 255)) for clip in item.clips))

    media.add(*ITEMS, change=white)
    views = AugmentationSettings(count=1)
    media.profile = media.profile.model_copy(update={"encoders": (EncoderChoice(name="tiny_image"),), "views": views})
    return media


def run(media: Any) -> list[StageReport]:
    reports = extract(media.manifest, media.profile, media.work, device=CPU)
    for report in reports:
        report.check(1.0)
    return reports


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_whatever_an_encoder_raises_fails_one_clip(one_white, monkeypatch, name):
    one_white.profile = one_white.profile.model_copy(update={"views": AugmentationSettings()})
    monkeypatch.setattr(extraction_plan, "make_encoder", lambda choice, device: Touchy(name))
    (report,) = run(one_white)
    assert (report.given, report.done, len(report.failed)) == (5, 4, 1)
    (reason,) = report.failed.values()
    assert reason.startswith(f"crashed: {name}: ")
    store = open_tokens(one_white.work, one_white.manifest, one_white.profile).stores["tiny_image"]
    assert store.lengths.tolist() == [1, 0, 1, 4, 4]


def test_a_crashed_clip_is_tried_again_by_the_next_call(one_white, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(extraction_plan, "make_encoder", lambda choice, device: Touchy("IndexError"))
        assert [len(report.failed) for report in run(one_white)] == [1, 0]
        assert [len(report.failed) for report in run(one_white)] == [1, 0]
    assert [(report.done, report.skipped, len(report.failed)) for report in run(one_white)] == [(5, 0, 0), (0, 5, 0)]


def test_a_clip_that_an_augmentation_cannot_take_fails_in_that_view_alone(one_white, monkeypatch):
    def touchy(faces: Any, *rest: Any) -> Any:
        if (faces.reshape(len(faces), -1).min(axis=1) == 255).any():
            raise IndexError("white")
        return augment_faces(faces, *rest)

    monkeypatch.setattr(shard_media, "augment_faces", touchy)
    clean, changed = run(one_white)
    assert (clean.done, changed.done, next(iter(changed.failed.values()))[:19]) == (5, 4, "crashed: IndexError")
    monkeypatch.undo()
    before = open_tokens(one_white.work, one_white.manifest, one_white.profile).views["tiny_image"][0].load()[0]
    assert [len(report.failed) for report in run(one_white)] == [0, 0]
    after = open_tokens(one_white.work, one_white.manifest, one_white.profile).views["tiny_image"][0].load()[0]
    np.testing.assert_allclose(after[[0, *range(2, 11)]], before, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UsageError("settings", "mend them"), UsageError),
        (RuntimeError("CUDA error: device-side assert triggered"), MachineFailed),
        (torch.OutOfMemoryError("as a GPU says it"), MachineFailed),
        (MemoryError(), MachineFailed),
    ],
)
def test_a_fault_of_the_whole_run_ends_it(one_white, monkeypatch, error, kind):
    monkeypatch.setattr(extraction_plan, "make_encoder", lambda choice, device: Touchy(error))
    with pytest.raises(kind):
        run(one_white)
