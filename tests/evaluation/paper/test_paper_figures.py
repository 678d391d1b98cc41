"""Figures for a paper: the size that was asked for, embedded fonts, the same bytes every time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest
from made_ablation import make_ablation
from made_evaluation import Made, make_page_data
from matplotlib.figure import Figure
from PIL import Image

from unmask.evaluation.paper.figure_data import FigureData
from unmask.evaluation.paper.figures import bars, curves
from unmask.evaluation.paper.figures.registry import CAPTIONS, FIGURES, write_figures
from unmask.evaluation.paper.figures.style import COLUMNS, apply_style

SQUARE = {"roc-pooled", "reliability"}
"""Not stretched over two columns."""


@pytest.fixture(scope="module")
def data(made: Made) -> FigureData:
    training = make_page_data(made).training
    return FigureData(
        evaluation=made.evaluation,
        predictions=made.predictions,
        training=training,
        preset="full",
        ablation=make_ablation(),
    )


@pytest.fixture(scope="module")
def drawn(data: FigureData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    write_figures(folder, data)
    return folder


@pytest.fixture
def styled() -> Iterator[None]:
    with apply_style():
        yield


def test_every_figure_is_there_in_both_widths_and_both_forms(drawn: Path) -> None:
    expected = {f"{one.name}-{column}.{form}" for one in FIGURES for column in COLUMNS for form in ("pdf", "png")}
    assert {path.name for path in drawn.iterdir()} == {*expected, CAPTIONS}


def test_widths_are_those_of_the_columns(drawn: Path) -> None:
    for one in FIGURES:
        for column, width in COLUMNS.items():
            path = drawn / f"{one.name}-{column}.pdf"
            (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", path.read_bytes())
            wanted = min(width, 3.6) if one.name in SQUARE else width
            assert float(box[0]) == pytest.approx(72 * wanted, abs=0.5)
            with Image.open(path.with_suffix(".png")) as image:
                assert image.width == pytest.approx(300 * wanted, abs=1)


def test_fonts_are_embedded_as_truetype(drawn: Path) -> None:
    for path in drawn.glob("*.pdf"):
        content = path.read_bytes()
        assert b"/Subtype /Type3" not in content
        assert b"/FontFile2" in content


def test_the_same_figures_are_the_same_bytes(data: FigureData, drawn: Path, tmp_path: Path) -> None:
    with mpl.rc_context({"font.size": 20, "pdf.fonttype": 3}):  # a user's own matplotlibrc
        write_figures(tmp_path, data)
    for path in drawn.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_no_figure_has_a_title(data: FigureData, styled: None) -> None:
    for one in FIGURES:
        figure = one.draw(data, COLUMNS["2col"])
        assert isinstance(figure, Figure)
        assert [axes.get_title() for axes in figure.axes] == [""] * len(figure.axes)
        assert figure.get_suptitle() == ""


def test_what_cannot_be_drawn_is_told_in_the_captions(data: FigureData, tmp_path: Path) -> None:
    write_figures(tmp_path, replace(data, training=[], ablation=None))
    captions = (tmp_path / CAPTIONS).read_text(encoding="utf-8")
    assert "- training: not drawn, an ensemble has no training of its own." in captions
    assert "- ablation: not drawn, no ablation has this run's preset." in captions
    assert not list(tmp_path.glob("training*"))
    assert f"**forest**: {FIGURES[2].caption}" in captions


def test_the_forest_has_the_figures_of_the_evaluation(data: FigureData, styled: None) -> None:
    figure = bars.draw_forest(data, 7.0)
    (axes,) = figure.axes
    lines = {line.get_label(): list(line.get_xdata()) for line in axes.get_lines()}
    rows = [row for row in data.evaluation.model.rows if row.auc is not None]
    assert lines["model"] == [row.auc for row in rows]
    for control in data.evaluation.controls:
        assert lines[control.name] == [
            control.row(row.name).auc for row in rows if control.row(row.name).auc is not None
        ]


def test_curves_of_a_dataset_are_of_its_items_alone(data: FigureData, styled: None) -> None:
    figure = curves.draw_roc_per_dataset(data, 7.0)
    assert figure is not None
    shown = [axes.texts[0].get_text().split("\n")[0] for axes in figure.axes if axes.texts]
    assert shown == [row.name for row in data.evaluation.model.datasets if row.auc is not None and not row.is_small]
