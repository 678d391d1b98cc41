"""Charts, their curves and the contact sheet."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unmask.core.html.svg_charts import Series, draw_histogram, draw_line_chart, fit_axis, make_unit_axis, thin_points
from unmask.evaluation.report.charts import count_shares
from unmask.evaluation.report.contact_sheet import PER_CELL, build_contact_sheet
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.shards.media_item import Clip, MediaItem
from unmask.preprocess.shards.media_shard import write_shard

finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(finite, min_size=1, max_size=30))
@example([1e6, 999999.9999999999])
def test_an_axis_holds_every_value_between_a_few_ticks(values: list[float]) -> None:
    axis = fit_axis("x", values)
    slack = 1e-6 * (axis.high - axis.low)
    assert axis.low - slack <= min(values)
    assert max(values) <= axis.high + slack
    assert 2 <= len(axis.ticks) <= 7
    assert (axis.ticks[0], axis.ticks[-1]) == (axis.low, axis.high)


def test_epochs_have_no_ticks_between_them() -> None:
    assert all(tick == int(tick) for tick in fit_axis("epoch", [1.0, 2.0, 3.0], whole=True).ticks)


def test_values_that_are_all_missing_still_have_an_axis() -> None:
    assert fit_axis("x", [math.nan]).low < fit_axis("x", [math.nan]).high


@given(st.lists(finite, min_size=1, max_size=60), st.integers(2, 20))
def test_thinning_keeps_both_ends(values: list[float], most: int) -> None:
    x, y = thin_points(values, values, most)
    assert x == y
    assert len(x) <= max(most, 1)
    assert (x[0], x[-1]) == (values[0], values[-1])


def test_a_chart_is_well_formed_and_its_labels_are_escaped() -> None:
    line = Series("<b>&", [0.0, 0.5, 1.0], [0.0, math.nan, 1.0], "model", marks=True)
    svg = ElementTree.fromstring(
        draw_line_chart('"<title>"', [line], make_unit_axis("<x>"), make_unit_axis("y"), diagonal=True)
    )
    assert svg.get("aria-label") == '"<title>"'
    assert [title.text for title in svg.iter("title")] == ["<b>&"]
    assert len(list(svg.iter("circle"))) == 2


def test_bars_stand_on_the_axis_and_empty_bins_have_none() -> None:
    svg = ElementTree.fromstring(
        draw_histogram("t", [("real", "real", [0.0, 1.0])], make_unit_axis("x"), make_unit_axis("y"), height=100)
    )
    (bar,) = svg.iter("rect")
    assert float(bar.get("y", "")) + float(bar.get("height", "")) == pytest.approx(100 - 38)


def test_shares_add_up_to_one() -> None:
    assert sum(count_shares(np.array([0.0, 0.3, 1.0]))) == pytest.approx(1.0)
    assert sum(count_shares(np.zeros(0))) == 0.0


def row(number: int, label: int, kind: str = "image", status: str = "ok") -> MediaRow:
    return MediaRow(
        media_id=f"{number:032x}",
        dataset="d",
        domain_id=0,
        path=f"{number}.png",
        kind=kind,
        label=label,
        method="swap" if label else "none",
        status=status,
    )


def media(number: int, shade: int, confidence: float, faces: int = 1) -> MediaItem:
    nothing = np.zeros(0, np.int16)
    clip = Clip(
        start_s=0,
        end_s=0,
        faces=np.full((faces, 32, 32, 3), shade, np.uint8),
        face_times=np.zeros(faces, np.float32),
        boxes=np.zeros((faces, 4), np.float32),
        landmarks=np.zeros((faces, 5, 2), np.float32),
        confidence=np.full(faces, confidence, np.float32),
        audio=nothing,
    )
    return MediaItem(media_id=f"{number:032x}", content="", clips=(clip, clip))


def test_the_contact_sheet_has_six_of_a_kind_and_says_where_no_face_was_found(tmp_path: Path) -> None:
    rows = [row(number, number % 2) for number in range(20)]
    items = [media(number, 10 * number, float("nan") if number == 1 else 0.9) for number in range(20)]
    paths = []
    for part in (items[:10], items[10:]):
        paths.append(tmp_path / f"shard-{len(paths)}.zarr")
        write_shard(paths[-1], part, face_size=32, settings={})
    sheet = build_contact_sheet(paths, rows)
    assert {cell: len(faces) for cell, faces in sheet.items()} == {("d", 0): PER_CELL, ("d", 1): PER_CELL}
    assert [face.confidence is None for face in sheet["d", 1]] == [True] + [False] * (PER_CELL - 1)
    assert len({face.path for faces in sheet.values() for face in faces}) == 2 * PER_CELL
    assert sheet == build_contact_sheet(paths, list(reversed(rows)))


def test_audio_and_unusable_files_have_no_face(tmp_path: Path) -> None:
    rows = [row(0, 0, kind="audio"), row(1, 0, status="failed"), row(2, 0)]
    items = [
        media(0, 0, 0.9, faces=0),
        MediaItem(media_id=f"{1:032x}", content="", reason="unreadable"),
        media(2, 9, 0.9),
    ]
    write_shard(tmp_path / "shard-0.zarr", items, face_size=32, settings={})
    (faces,) = build_contact_sheet([tmp_path / "shard-0.zarr"], rows).values()
    assert [face.path for face in faces] == ["2.png"]
