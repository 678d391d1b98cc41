"""The section of the report: a chart with a band per corruption, a row per strength; absent without a measurement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_evaluation import Made

from unmask.core.terminal.wide_table import format_plain
from unmask.evaluation.report.page import render
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.robustness.corruptions import CORRUPTIONS
from unmask.evaluation.robustness.measure import measure_figures
from unmask.evaluation.robustness.results import CellResult, Robustness, merge_cells
from unmask.evaluation.robustness.table import render_robustness


@pytest.fixture
def found(made: Made) -> Robustness:
    """Scores that move towards chance with strength; the items have both streams."""
    random = np.random.default_rng(0)
    clean = made.scores.score
    noise = random.random(len(clean))
    cells = []
    for one in CORRUPTIONS:
        for strength in range(4):
            scores = (1 - strength / 3) * clean + strength / 3 * noise
            cells.append(
                CellResult(
                    corruption=one.name,
                    title=one.title,
                    stream=one.stream,
                    strength=strength,
                    value=one.describe(strength),
                    items=len(clean),
                    lost=0,
                    figures=measure_figures(made.items, clean, scores, seed=0),
                )
            )
    return Robustness(
        run=made.evaluation.run,
        key=made.evaluation.key,
        best_epoch=7,
        threshold=0.5,
        split="test",
        seed=0,
        scored=len(clean),
        clean=measure_figures(made.items, clean, clean, seed=0),
        cells=tuple(cells),
        encoders={"image": ["tiny_image"], "audio": []},
        notes=("<b>a note</b>",),
    )


def test_the_page_has_a_chart_with_a_band_per_corruption_and_a_row_per_strength(page_data: PageData, found: Robustness):
    assert 'id="robustness"' not in render(page_data)
    page = render(replace(page_data, robustness=found))
    section = page[page.index('id="robustness"') : page.index('id="roc"')]
    assert section.count("<svg") == len(CORRUPTIONS)
    assert section.count('class="band model"') == section.count('class="band c3"') == len(CORRUPTIONS)
    for one in CORRUPTIONS:
        assert section.count(f"{one.title}: ") == 3
    assert section.count("clean, files with") == 2, "one per stream"
    assert "&lt;b&gt;a note&lt;/b&gt;" in section


def test_macro_and_pooled_are_those_of_the_evaluation(made: Made, found: Robustness):
    for scope in ("pooled", "macro"):
        row = made.evaluation.model.row(scope)
        figure = next(one for one in found.clean if one.scope == scope)
        assert (figure.auc, figure.interval) == (row.auc, row.interval("auc"))
        assert (figure.difference, figure.difference_interval) == (0.0, (0.0, 0.0))


def test_chance_is_a_loss_beyond_the_interval_of_the_paired_difference(found: Robustness):
    worst = next(one for one in found.cells if one.strength == 3).find("pooled")
    assert worst is not None
    assert worst.difference_interval is not None
    assert worst.difference_interval[1] < 0


def test_a_dataset_of_one_class_has_no_auc(found: Robustness):
    figure = found.cells[0].find("only_fakes")
    assert figure is not None
    assert (figure.auc, figure.clean, figure.difference, figure.interval) == (None, None, None, None)
    assert (figure.n_real, figure.n_fake > 0) == (0, True)


def test_the_terminal_has_one_row_per_corruption_and_strength(found: Robustness):
    shown = format_plain(render_robustness(found), 400)
    corrupted = [one for one in found.cells if one.strength]
    assert [line for one in corrupted if (line := f"{one.title}: {one.value}") not in shown] == []
    assert shown.count("clean, files with image") == shown.count("clean, files with audio") == 1


def test_new_cells_replace_old_ones_in_the_order_of_the_registry(found: Robustness):
    first, *others = found.cells
    newer = replace(found, cells=(replace(first, lost=3),))
    merged = merge_cells(newer, replace(found, cells=tuple(reversed(found.cells))))
    assert merged == (replace(first, lost=3), *others)
