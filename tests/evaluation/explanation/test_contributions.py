"""Contributions sum to the logit of the score for every preset, and say what the model reads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import token_items
import torch
from explained_models import CPU, TEMPERATURE, join_runs, list_spans, make_run, score_file
from sync_tokens import add_sync

from unmask.evaluation.explanation.contributions import share_logit
from unmask.train.presets import PRESETS, make_preset

HEAD = {"eye": 8, "ear": 20, "ear_two": 20, "reader": 1}
TOLERANCE = 1e-4
"""Of a logit of about 1: the file is scored again in other batches, in float32."""

preset = pytest.mark.parametrize("name", PRESETS)


def check_sums(run, data, item: int = 0, **spans: float):
    shares = share_logit(run, data, list_spans(data, item, **spans), device=CPU)
    total = shares.base + sum(one.logit for one in shares.contributions)
    assert total == pytest.approx(shares.logit, abs=1e-9), "exact but for the rounding of float64"
    assert shares.logit == pytest.approx(score_file(run, data, item), abs=TOLERANCE)
    return shares


@preset
def test_contributions_and_base_sum_to_the_logit_of_the_score(make_data, made_item, name: str):
    kinds = make_preset(name).kinds
    data = make_data([made_item(1, HEAD, clips=2, kind="video" if "video" in kinds else "image")])
    shares = check_sums(make_run(make_preset(name), data, lag=0.1), data)
    read = [one for one in ("image", "audio", "text") if one in make_preset(name).modalities]
    assert list(dict.fromkeys(one.modality for one in shares.contributions)) == read
    assert max(abs(one.logit) for one in shares.contributions) > 10 * TOLERANCE


@pytest.mark.parametrize("name", ["full", "linear", "full-joint-fusion", "gend"])
def test_an_ensemble_and_metadata_and_sync_sum_too(make_data, made_item, monkeypatch, tmp_path, name: str):
    monkeypatch.setitem(token_items.ENCODERS, "header", "metadata")
    plain = make_data([made_item(1, HEAD | {"header": 1}), made_item(0, HEAD)])
    data = add_sync(plain, tmp_path, [0, 3])
    config = make_preset(name).changed({"modalities": ["image", "audio", "text", "metadata"]})
    reads_sync = name != "linear"
    runs = [make_run(config, data, seed=seed, sync=reads_sync, lag=0.1) for seed in (0, 1)]
    shares = check_sums(join_runs(runs), data)
    modalities = {one.modality for one in shares.contributions}
    assert modalities == {"image", "audio", "text", "metadata"} | ({"sync"} if reads_sync else set())
    own = [share_logit(run, data, list_spans(data, 0), device=CPU) for run in runs]
    assert shares.base == pytest.approx(np.mean([one.base for one in own]), abs=TOLERANCE)


@preset
def test_the_base_is_the_logit_of_mean_tokens(make_data, made_item, name: str):
    data = make_data([made_item(1, HEAD)])
    run = make_run(make_preset(name), data)
    shares = share_logit(run, data, list_spans(data, 0), device=CPU)
    batch = data.batch(np.array([0]), run.model.shape.streams, device=CPU, mixtures=run.model.mixtures)
    zeros = {stream: torch.zeros_like(one.tokens) for stream, one in batch.streams.items()}
    for stream, one in batch.streams.items():
        if run.model.shape.standardized:
            zeros[stream] = run.model.standardizers[stream].mean.expand_as(one.tokens)
    tokens = {0: {stream: x_nD.float() for stream, x_nD in zeros.items()}}
    blank = share_logit(run, data, list_spans(data, 0), device=CPU, tokens=tokens)
    assert blank.logit == pytest.approx(shares.base, abs=TOLERANCE)
    assert [one.logit for one in blank.contributions] == pytest.approx([0] * len(blank.contributions), abs=TOLERANCE)


def test_the_contributions_of_a_linear_model_are_those_of_its_weights(make_data, made_item):
    data = make_data([made_item(1, {"eye": 8})])
    run = make_run(make_preset("linear"), data)
    model = run.model
    tokens, times = data.streams["eye"].take(np.array([0]))
    standard_nD = model.standardizers["eye"](tokens.float())
    first = list(model.shape.streams).index("eye") * (standard_nD.shape[1] + 1)
    weight_D = model.read.out.weight[0, first : first + standard_nD.shape[1]]
    of_token = (standard_nD @ weight_D / len(standard_nD) / TEMPERATURE).tolist()
    shares = share_logit(run, data, list_spans(data, 0), device=CPU)
    assert [(one.start_s, one.end_s) for one in shares.contributions] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    for one in shares.contributions:
        mine = [value for value, at in zip(of_token, times, strict=True) if one.start_s <= at < one.end_s]
        assert one.logit == pytest.approx(sum(mine), abs=TOLERANCE)


def test_seconds_of_overlapping_clips_are_joined_and_lie_on_the_clock_of_the_recording(make_data, made_item):
    data = make_data([made_item(1, HEAD, clips=2, start_s=0.5)])
    run = make_run(make_preset("full"), data)
    spans = {0: (0.5, 4.5), 1: (3.5, 8.5)}
    shares = share_logit(run, data, spans, device=CPU)
    audio = [one for one in shares.contributions if one.modality == "audio"]
    assert [one.start_s for one in audio] == [0.5, 1, 2, 3, 4, 5, 6, 7, 8]
    assert all(one.end_s == other.start_s for one, other in pairwise(audio))
    assert audio[-1].end_s == 8.5
    (text,) = (one for one in shares.contributions if one.modality == "text")
    assert (text.start_s, text.end_s) == (0.5, 8.5)
    assert shares.base + sum(one.logit for one in shares.contributions) == pytest.approx(shares.logit, abs=1e-9)


def test_an_image_is_one_span_without_length(make_data, made_item):
    data = make_data([made_item(1, {"eye": 1}, kind="image")])
    run = make_run(make_preset("full"), data)
    shares = share_logit(run, data, {0: (0.0, 0.0)}, device=CPU)
    (one,) = shares.contributions
    assert (one.modality, one.start_s, one.end_s) == ("image", 0, 0)
    assert one.logit == pytest.approx(shares.logit - shares.base)


def test_a_long_clip_has_at_most_eight_spans_per_modality(make_data, made_item):
    data = make_data([made_item(1, {"ear": 40})])
    shares = share_logit(make_run(make_preset("full"), data), data, {0: (0.0, 60.0)}, device=CPU)
    assert len(shares.contributions) == 1, "all its tokens lie in the first 8 seconds"
    assert (shares.contributions[0].start_s, shares.contributions[0].end_s) == (0, 8)
