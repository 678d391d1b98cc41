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
from benchmarks.sync.models import CPU, FileScore, SplitFigures
from benchmarks.sync.sets import (
    GENERATED,
    NO_FOLD,
    REAL,
    Talker,
    assign_folds,
    leave_one_video_out,
    list_folds,
    list_train,
)
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
    text = format_table(curves, folds="2 folds by source", settings=settings)
    assert f"| 6 {REAL} | 6 | networks |" in text
    assert f"| 4 {GENERATED} | 4 | linear |" in text


def test_one_genuine_video_is_left_out_at_a_time_and_generated_ones_only_teach():
    talkers = [
        *(replace(make_talker(0), row=make_row(number)) for number in range(5)),
        replace(make_talker(0), row=make_row(9, group="g4")),
        *(replace(make_talker(0), row=make_row(10 + n, generator="abc"[n])) for n in range(3)),
        replace(make_talker(0), row=make_row(20, generator="a", group="g0")),
    ]
    fold_of = leave_one_video_out(talkers)
    assert list_folds(fold_of) == [0, 1, 2, 3, 4]
    assert set(fold_of[6:]) == {NO_FOLD}
    assert fold_of[4] == fold_of[5], "two files of one group are left out together"
    taught = {fold_of[number]: len(list_train(talkers, fold_of, fold_of[number])) for number in range(5)}
    assert taught == {**dict.fromkeys(fold_of[1:4], 9), fold_of[0]: 8, fold_of[4]: 8}
    assert fold_of[:5] != [0, 1, 2, 3, 4], "in random order"


def test_one_way_alone_has_rows_of_its_own_only():
    talkers = [make_talker(n) for n in range(4)]
    settings = SyncSettings(steps=10, batch_size=4, seconds=1.0, width=8)
    curves = measure_fold(talkers, leave_one_video_out(talkers), 0, settings, device=CPU, ways=[LINEAR])
    assert [curve.way for curve in curves] == [LINEAR]
    text = format_table(curves, folds="1 in random order of 4 genuine sources", settings=settings)
    assert f"| 1 {REAL} | 1 | linear |" in text
    assert NETWORKS not in text
    assert GENERATED not in text


def make_figures(seed: int, row: str, scores: list[tuple[str, bool, float]]) -> SplitFigures:
    files = tuple(FileScore(f"{n:032x}", dataset, is_fake, logit) for n, (dataset, is_fake, logit) in enumerate(scores))
    return SplitFigures(seed, row, files, 0.25, 0.9 if row == "with" else float("nan"))


def test_models_are_compared_by_split_and_by_dataset():
    right = [("a", False, -2.0), ("a", True, 3.0), ("b", False, -1.0), ("b", True, 1.0), ("c", True, 2.0)]
    wrong_in_b = [("a", False, -2.0), ("a", True, 3.0), ("b", False, 1.5), ("b", True, 1.0), ("c", True, 2.0)]
    text = format_models(
        [
            *(make_figures(seed, "with", right) for seed in range(3)),
            *(make_figures(seed, "without", wrong_in_b) for seed in range(3)),
        ]
    )
    assert "| all | 3 | 5.0 | 1.000 | 0.833 | +0.167 ± 0.000 |" in text
    assert "| a | 3 | 2.0 | 1.000 | 1.000 | +0.000 ± 0.000 |" in text
    assert "| b | 3 | 2.0 | 1.000 | 0.000 | +1.000 ± 0.000 |" in text
    assert "| c |" not in text, "without a genuine video there is no AUC"
    assert "AUC 0.900 on genuine test clips" in text


def test_a_dataset_counts_in_the_splits_where_it_has_both_classes():
    both, one = [("a", False, -2.0), ("a", True, 3.0)], [("a", True, 3.0), ("b", False, 0.0)]
    rows = [make_figures(seed, row, scores) for row in ("with", "without") for seed, scores in enumerate([both, one])]
    text = format_models(rows)
    assert "| all | 2 | 2.0 |" in text
    assert "| a | 1 | 2.0 | 1.000 | 1.000 | +0.000 ± nan |" in text


def test_curves_of_one_source_are_resampled_together():
    from benchmarks.sync.measure import resample_sources

    curves = [Curve(NETWORKS, REAL, group, "archive", peaks(0)[0]) for group in "aabbbc"]
    for rows in resample_sources(curves)[:20]:
        counts = np.bincount(rows, minlength=6)
        assert counts[0] == counts[1]
        assert counts[2] == counts[3] == counts[4]
        assert counts[0] + counts[2] + counts[5] == 3
