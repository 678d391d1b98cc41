"""The benchmark of explanations: halves are mixed as said, and a half that is named is the faked one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explained_models import CPU, list_spans, make_run
from token_items import made_item, make_data, one_thread, tiny_model

from benchmarks.__main__ import COMPARISONS
from benchmarks.explanation.gradients import integrate_gradients
from benchmarks.explanation.measure import Named, judge, measure_share, share_by_shapley
from benchmarks.explanation.media import RATE, _join
from benchmarks.explanation.pairs import Pair, fill_with_half, list_pairs, mix_tokens, whole_tokens
from benchmarks.explanation.table import format_table
from unmask.evaluation.explanation.clip_parts import Part, divide_clip
from unmask.evaluation.explanation.masked_clip import MaskedClip
from unmask.manifests.manifest import MediaRow
from unmask.train.presets import make_preset

__all__ = ["made_item", "make_data", "one_thread", "tiny_model"]

HEAD = {"eye": 8, "ear": 20, "ear_two": 20, "reader": 1}
NAMES = ("eye", "ear", "ear_two", "reader")


def make_row(name: str, label: int, **fields: object) -> MediaRow:
    given = {"dataset": "d", "domain_id": -1, "path": name, "kind": "video", "split": "test", "group": name}
    faked = {"video_fake": False, "audio_fake": label == 1, "method": "none" if label == 0 else "unknown"}
    return MediaRow(media_id=name, label=label, **given | faked | fields)  # type: ignore[arg-type]


def make_pair(modality: str = "audio") -> Pair:
    return Pair(real=make_row("r", 0), fake=make_row("f", 1), modality=modality, same_source=False)  # type: ignore[arg-type]


def test_it_is_run_by_name():
    assert "explanation" in COMPARISONS


def test_pairs_are_of_one_dataset_and_kind_and_of_one_source_where_there_is_one():
    rows = [
        make_row("f1", 1, sources=("s",)),
        make_row("f2", 1, video_fake=True),
        make_row("r1", 0, sources=("s",)),
        make_row("r2", 0),
        make_row("r3", 0, kind="audio"),
        make_row("r4", 0, split="train"),
        make_row("r5", 0, dataset="other"),
        make_row("f3", 1, dataset="third"),
    ]
    pairs = list_pairs(rows, "test", {row.media_id: 0 for row in rows})
    found = {(one.fake.media_id, one.real.media_id, one.modality, one.same_source) for one in pairs}
    assert found == {("f1", "r1", "audio", True)} | {
        ("f2", real, modality, False) for real in ("r1", "r2") for modality in ("image", "audio")
    }


@pytest.mark.parametrize(("half", "replaced"), [("first", range(10)), ("second", range(10, 20))])
def test_one_half_of_one_modality_is_the_other_clips(make_data, made_item, half, replaced):
    data = make_data([made_item(0, HEAD), made_item(1, HEAD | {"ear": 10})])
    mixed = mix_tokens(data, NAMES, make_pair(), 0, 1, half)
    assert set(mixed) == {"ear", "ear_two"}
    real, fake = (data.streams["ear"].take(np.array([clip]))[0].float() for clip in (0, 1))
    for place in range(20):
        expected = fake[place // 2] if place in replaced else real[place]
        torch.testing.assert_close(mixed["ear"][place], expected)
    whole = whole_tokens(data, NAMES, make_pair(), 0, 1)
    torch.testing.assert_close(whole["ear"], fake.repeat_interleave(2, dim=0))
    alone = fill_with_half(data, NAMES, 0, mixed, "first")
    torch.testing.assert_close(alone["ear"], mixed["ear"][:10].repeat_interleave(2, dim=0))
    assert set(alone) == {"eye", "ear", "ear_two"}, "one token has no halves"


def test_a_half_is_judged_by_the_parts_of_the_faked_modality_alone():
    parts = [Part("audio", 0, 1), Part("audio", 1, 2), Part("audio", 2, 3), Part("audio", 3, 4), Part("image", 0, 4)]
    shares = np.array([0.5, 0.2, 0.1, 0.3, -9])
    judged = [judge(parts, shares, "audio", (0, 4), half) for half in ("first", "second")]
    assert judged == [1, 0]
    assert judge(parts, np.zeros(5), "audio", (0, 4), "first") == 0.5


def test_integrated_gradients_are_shapley_values_for_a_linear_model_and_complete_for_others(make_data, made_item):
    data = make_data([made_item(1, HEAD)])
    for name in ("linear", "full", "late-fusion"):
        run = make_run(make_preset(name), data)
        masked = MaskedClip(run, data, 0, CPU)
        parts = divide_clip(data, run.model, 0, (0.0, 4.0), 1.0, list_spans(data, 0)[0])
        shapley, gradients = share_by_shapley(masked, parts), integrate_gradients(masked, parts)
        assert gradients.sum() == pytest.approx(shapley.sum(), abs=1e-4)
        if name == "linear":
            assert gradients == pytest.approx(shapley, abs=1e-4)


def test_the_share_is_told_with_an_interval_over_groups():
    def name(number: int, named: float, correct: bool = True) -> Named:
        groups = (f"r{number}", f"f{number}")
        return Named(
            dataset="d",
            modality="audio",
            same_source=False,
            groups=groups,
            faked="first",
            correct=correct,
            named={"shapley": named},
        )

    found = [name(number, float(number < 8), number < 8) for number in range(10)]
    share, low, high = measure_share(found, "shapley")
    assert share == 0.8
    assert 0.1 < low < 0.8 < high <= 1
    text = format_table({"tokens": found}, "title")
    assert "| both sources scored correctly | 8 | 16 | 1.000 [1.00, 1.00] |" in text


def test_halves_of_audio_meet_without_a_step():
    real, fake = np.zeros(RATE, np.float32), np.ones(RATE, np.float32)
    mixed = _join(real, fake, "second")
    assert (mixed[0], mixed[-1]) == (0, 1)
    assert np.abs(np.diff(mixed)).max() < 0.01
    assert mixed.mean() == pytest.approx(0.5, abs=1e-3)
    assert _join(real, fake, "first").mean() == pytest.approx(0.5, abs=1e-3)
