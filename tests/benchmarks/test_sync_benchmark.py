"""The benchmark of the sync encoder: folds, figures and tables, on clips and curves whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from moving_mouths import draw_envelope, move, speak

from benchmarks.sync.measure import (
    FAR,
    LINEAR,
    NETWORKS,
    Curve,
    measure_fold,
    measure_shift,
    measure_tolerant_shift,
    share_found,
)
from benchmarks.sync.models import SplitFigures
from benchmarks.sync.sets import GENERATED, REAL, Talker, assign_folds, list_train
from benchmarks.sync.table import format_models, format_table
from unmask.cache.sync.linear import LinearSync
from unmask.cache.sync.settings import SyncSettings
from unmask.cache.sync.windows import SyncClip
from unmask.manifests.manifest import MediaRow


def make_row(number: int, *, generator: str | None = None, group: str | None = None) -> MediaRow:
    return MediaRow(
        media_id=f"{number:032x}",
        dataset="archive",
        domain_id=1,
        path=f"{number}.mp4",
        kind="video",
        label=int(generator is not None),
        method=generator or "none",
        video_fake=True if generator else None,
        content=f"c{number}",
        group=group or f"g{number}",
    )


def make_talker(number: int, **about: Any) -> Talker:
    import torch

    from unmask.cache.sync.networks import LogMel, halve

    envelope = draw_envelope(number)
    wave = torch.from_numpy(speak(envelope, number)).float()[None] / 32768
    mouth = halve(torch.from_numpy(move(envelope, number))[None])[0].round().byte().numpy()
    clip = SyncClip((f"{number:032x}", 0), mouth, LogMel()(wave)[0].numpy())
    return Talker(clip, make_row(number, **about))


def peaks(*lags: int) -> np.ndarray:
    """Curves that are 1 at these lags and 0 elsewhere."""
    values = np.zeros((len(lags), 2 * FAR + 1), np.float32)
    values[np.arange(len(lags)), FAR + np.array(lags)] = 1
    return values


def test_folds_hold_out_whole_generators_and_every_group():
    talkers = [
        *(replace(make_talker(0), row=make_row(number)) for number in range(6)),
        *(replace(make_talker(0), row=make_row(10 + n, generator="abc"[n % 3])) for n in range(6)),
        replace(make_talker(0), row=make_row(20, generator="a", group="g0")),
    ]
    folds = assign_folds(talkers, 3)
    sources = {
        one.source: {fold for other, fold in zip(talkers, folds, strict=True) if other.source == one.source}
        for one in talkers
    }
    assert {one.set for one in talkers} == {REAL, GENERATED}
    assert all(len(found) == 1 for found in sources.values())
    for fold in range(3):
        train = list_train(talkers, folds, fold)
        held = {one.row.group for one, at in zip(talkers, folds, strict=True) if at == fold}
        kept = [one for one, at in zip(talkers, folds, strict=True) if at != fold and one.row.group not in held]
        assert len(train) == len(kept) > 0
    assert len(set(assign_folds(talkers, 0))) == 6, "one genuine video per fold"


def test_figures_of_known_curves():
    right, late = peaks(0, 0, 0), peaks(3, 10, 0)
    assert measure_shift(right, 0.4) == 1
    assert measure_shift(late, 0.4) == pytest.approx(0.5 + 0.5 * (1 / 3 - 1 / 6), abs=1e-6)
    assert measure_tolerant_shift(late[:1], 0.4) == 1
    assert share_found(late, 1) == pytest.approx(1 / 3)
    assert share_found(peaks(1, -2, 5), 2) == pytest.approx(2 / 3)
    short = right.copy()
    short[0, :FAR] = np.nan
    assert measure_shift(short, 0.4) == 1


def test_the_linear_control_finds_audio_that_was_not_moved():
    train = [make_talker(number).clip for number in range(8)]
    linear = LinearSync.fit(train)
    curves = np.stack([linear.compute_curve(make_talker(number).clip, FAR) for number in range(20, 26)])
    assert measure_shift(curves, 0.4) > 0.9
    assert share_found(curves, 2) > 0.8


def test_a_fold_gives_a_curve_per_clip_and_way_and_the_table_a_row_per_set():
    talkers = [*(make_talker(n) for n in range(6)), *(make_talker(10 + n, generator="ab"[n % 2]) for n in range(4))]
    folds = assign_folds(talkers, 2)
    settings = SyncSettings(steps=10, batch_size=4, seconds=1.0, width=8)
    import torch

    curves = [
        curve for fold in (0, 1) for curve in measure_fold(talkers, folds, fold, settings, device=torch.device("cpu"))
    ]
    assert len(curves) == 2 * len(talkers)
    assert {curve.way for curve in curves} == {NETWORKS, LINEAR}
    text = format_table(curves, folds=2, settings=settings)
    assert f"| 6 {REAL} | 6 | networks |" in text
    assert f"| 4 {GENERATED} | 4 | linear |" in text


def test_models_are_compared_by_split():
    def figures(row: str, areas: list[float]) -> list[SplitFigures]:
        return [
            SplitFigures(seed, row, 20, area, 0.25, 0.9 if row == "with" else float("nan"))
            for seed, area in enumerate(areas)
        ]

    text = format_models([*figures("with", [0.8, 0.9, 0.7]), *figures("without", [0.7, 0.8, 0.6])])
    assert "| with the sync encoder | 3 | 20 | 0.800 | 0.900 |" in text
    assert "| difference | 3 | | +0.100 ± 0.000 | |" in text


def test_curves_of_one_source_are_resampled_together():
    from benchmarks.sync.measure import resample_sources

    curves = [Curve(NETWORKS, REAL, group, "archive", peaks(0)[0]) for group in "aabbbc"]
    for rows in resample_sources(curves)[:20]:
        counts = np.bincount(rows, minlength=6)
        assert counts[0] == counts[1]
        assert counts[2] == counts[3] == counts[4]
        assert counts[0] + counts[2] + counts[5] == 3
