"""The whole control on cached tokens, with models whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from tiny_chain import CPU, Chain
from torch import nn

from unmask.evaluation.item_set import ItemSet, select_labeled
from unmask.evaluation.open_run import OpenRun, open_run
from unmask.evaluation.swap_control import control
from unmask.evaluation.swap_control.control import run_swap_control
from unmask.evaluation.swap_control.results import SwapControl
from unmask.train.data.batch import Batch, bit
from unmask.train.models.detector import Outputs

Answer = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


class Oracle(nn.Module):
    """Knows whether the image and the audio that it sees are fake; `answer` makes the joint score of that."""

    def __init__(self, model: nn.Module, answer: Answer) -> None:
        super().__init__()
        self.shape, self.mixtures, self.terms, self.answer = model.shape, model.mixtures, (), answer
        self.sync = None
        self.seen: list[Batch] = []

    def forward(self, batch: Batch) -> Outputs:
        self.seen.append(batch)
        image, audio = (batch.pattern & bit(name) > 0 for name in ("image", "audio"))
        fake = self.answer(batch.video, batch.audio, image, audio)
        nothing = torch.zeros(len(batch), len(self.shape.datasets))
        return Outputs(fake, batch.video, batch.audio, nothing, nothing, None, None)


def believe_any(video, audio, has_image, has_audio):
    """Suspicion of one part stays, whatever is beside it."""
    return torch.maximum(video, audio)


def believe_image(video, audio, has_image, has_audio):
    """Deaf where there is an image."""
    return torch.where(has_image, video, audio)


@pytest.fixture(scope="module")
def opened(chain: Chain) -> OpenRun:
    return open_run(chain.run, chain.work, chain.manifest, CPU)


def run(opened: OpenRun, answer: Answer, items: ItemSet | None = None) -> tuple[dict[str, SwapControl], Oracle]:
    oracle = Oracle(opened.loaded.model, answer)
    numbers = opened.list_scorable()
    items = items or select_labeled([row for row in opened.manifest.rows() if row.media_id in numbers])
    # The oracle has no terms to calibrate.
    loaded = replace(opened.loaded, model=oracle, info=opened.loaded.info.model_copy(update={"terms": ()}))
    replaced = replace(opened, loaded=loaded)
    found = run_swap_control(replaced, items, numbers, device=CPU, batch_size=16, seed=0)
    return {one.part: one for one in found}, oracle


def test_a_model_that_forgets_the_audio_beside_an_image_is_found_out(opened: OpenRun) -> None:
    found, _ = run(opened, believe_image)
    audio = found["audio"]
    assert (audio.n_real, audio.n_fake, audio.partners) == (10, 10, 10)
    assert [round(one.difference, 9) for one in audio.figures] == [-0.5, 0, -0.5, 0]
    assert audio.loses
    assert audio.meaning.startswith("A genuine image hides fake audio: AUC 1.000 alone, 0.500 beside it (-0.500")
    assert "The audio score goes from 1.000 to 1.000: look at it" in audio.meaning
    assert not found["image"].loses
    assert found["image"].meaning.startswith("Genuine audio does not hide a fake image: AUC 1.000 alone")


def test_a_model_that_forgets_nothing_passes(opened: OpenRun) -> None:
    found, oracle = run(opened, believe_any)
    assert all(one.difference == 0 for swap in found.values() for one in swap.figures)
    assert not any(swap.loses for swap in found.values())
    passes = [(batch.video, batch.audio, batch.host.pattern) for batch in oracle.seen]
    assert {int(mask) for *_, pattern in passes for mask in pattern} == {bit("image"), bit("audio"), 3}
    assert all(float((video * audio).sum()) == 0 for video, audio, _ in passes), "a partner is genuine"


def test_too_few_files_give_no_number(opened: OpenRun) -> None:
    numbers = opened.list_scorable()
    rows = [row for row in opened.manifest.rows() if row.media_id in numbers and row.split == "test"]
    found, oracle = run(opened, believe_any, select_labeled(rows))
    assert not oracle.seen
    assert found["audio"].figures == ()
    assert "too few files: 3 real and 3 fake ones" in found["audio"].meaning


def test_a_run_of_one_modality_has_no_swap_control(opened: OpenRun) -> None:
    model = opened.loaded.model
    hearing = [name for name in model.shape.streams if opened.data.modality(name) == "audio"]
    kept = [number for number, name in enumerate(model.shape.streams) if name not in hearing]
    deaf = replace(
        model.shape,
        **{name: tuple(getattr(model.shape, name)[n] for n in kept) for name in ("streams", "widths", "modalities")},
    )
    oracle = Oracle(model, believe_any)
    oracle.shape = deaf
    single = replace(opened, loaded=replace(opened.loaded, model=oracle))
    assert run_swap_control(single, ItemSet(()), {}, device=CPU, batch_size=16, seed=0) == ()


def test_a_large_split_is_limited_to_as_many_files_of_each_class(opened: OpenRun, monkeypatch) -> None:
    monkeypatch.setattr(control, "MOST_FILES", 12)
    found, _ = run(opened, believe_any)
    assert (found["audio"].n_real, found["audio"].n_fake) == (6, 6)
    again, _ = run(opened, believe_any)
    assert again == found, "the draws are seeded"
