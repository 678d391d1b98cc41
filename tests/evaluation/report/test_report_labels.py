"""Preprocessing of real and fake files compared: means, and differences beyond chance."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from made_report import done, lost, made_row

from unmask.evaluation.report.class_differences import (
    FACTS,
    Difference,
    LabelLine,
    compare_labels,
    figure,
    without_face,
)
from unmask.evaluation.report.page import render
from unmask.evaluation.report.page_data import PageData
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome

Made = tuple[list[MediaRow], dict[str, Outcome]]


def audio_files(real: list[float], fake: list[float], groups: int = 1000) -> Made:
    """Audio files with these seconds cut at the start."""
    cuts = [(0, cut) for cut in real] + [(1, cut) for cut in fake]
    rows = [made_row(n, label, "audio", group=f"{label}-{n % groups}") for n, (label, _) in enumerate(cuts)]
    quality = {"silent_share": 0.1, "clipped_share": 0.0, "nan_share": 0.0, "dc": 0.0}
    return rows, {row.media_id: done(row, cut_start_s=cut, **quality) for row, (_, cut) in zip(rows, cuts, strict=True)}


def test_means_are_of_the_files_that_have_the_figure() -> None:
    rows = [made_row(0, 0), made_row(1, 0), made_row(2, 0), made_row(3, 0, "audio")]
    outcomes = [
        done(rows[0], faces=4, fallback_faces=1),
        done(rows[1], faces=2, fallback_faces=2),
        lost(rows[2]),
        done(rows[3], cut_end_s=0.5, silent_share=0.2, clipped_share=0.1, nan_share=0.0, dc=0.01),
    ]
    (line,), differences = compare_labels(rows, {one.media_id: one for one in outcomes}, searched=True)
    assert (line.dataset, line.label, line.files, differences) == ("d", "real", 4, [])
    assert line.means == {
        "failed": pytest.approx(1 / 4),
        "frames_with_face": pytest.approx((3 / 4 + 0) / 2),
        "without_face": pytest.approx(1 / 2),
        "cut_start_s": 0.0,
        "cut_end_s": 0.5,
        "silent_share": 0.2,
        "clipped_share": 0.1,
        "nan_share": 0.0,
        "dc": 0.01,
    }


def test_a_file_without_faces_at_all_is_no_file_in_which_faces_were_missed() -> None:
    assert without_face(done(made_row(0), faces=2, fallback_faces=2))
    assert not without_face(done(made_row(0), faces=2, fallback_faces=1))
    assert not without_face(done(made_row(0)))


def test_without_a_face_detector_there_are_no_face_columns() -> None:
    row = made_row(0)
    (line,), _ = compare_labels([row], {row.media_id: done(row, faces=1, fallback_faces=1)}, searched=False)
    assert "without_face" not in line.means


def test_leading_silence_of_the_fakes_is_reported() -> None:
    rows, outcomes = audio_files([0.0, 0.01] * 10, [0.3, 0.5] * 10)
    _, (one,) = compare_labels(rows, outcomes, searched=True)
    assert (one.fact, one.real, one.fake) == ("cut_start_s", pytest.approx(0.005), pytest.approx(0.4))
    assert one.auc == 1.0


def test_a_fact_that_is_lower_for_fakes_is_reported_too() -> None:
    _, (one,) = compare_labels(*audio_files([0.3, 0.5] * 10, [0.0, 0.01] * 10), searched=True)
    assert (one.real, one.auc) == (pytest.approx(0.4), 1.0)


def test_equal_labels_and_a_few_files_are_not_reported() -> None:
    assert compare_labels(*audio_files([0.0, 0.4] * 20, [0.4, 0.0] * 20), searched=True)[1] == []
    assert compare_labels(*audio_files([0.0] * 4, [0.4] * 4), searched=True)[1] == []


def test_many_files_of_a_few_groups_count_as_few() -> None:
    # A hundred clips a label, but of six recordings each: their order could be chance.
    cuts = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    real, fake = [cuts[n % 6] for n in range(102)], [cuts[n % 6] + 0.15 for n in range(102)]
    assert compare_labels(*audio_files(real, fake), searched=True)[1] != []
    assert compare_labels(*audio_files(real, fake, groups=6), searched=True)[1] == []


def test_faces_missed_more_often_in_fakes_are_reported() -> None:
    rows = [made_row(number, number % 2, group=str(number)) for number in range(200)]
    outcomes = {
        row.media_id: done(row, faces=1, fallback_faces=int(number % 10 in (1, 3))) for number, row in enumerate(rows)
    }
    _, differences = compare_labels(rows, outcomes, searched=True)
    assert [(one.fact, one.real, one.fake) for one in differences if one.fact == "without_face"] == [
        ("without_face", 0.0, 0.4)
    ]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("clipped_share", None, "-"),
        ("clipped_share", 0.0, "0 %"),
        ("clipped_share", 0.0002, "< 0.1 %"),
        ("clipped_share", 0.123, "12.3 %"),
        ("cut_start_s", 0.25, "0.25 s"),
        ("dc", -0.0123, "-0.0123"),
        ("dc", -0.00001, "0.0000"),
    ],
)
def test_a_figure_has_its_unit(name: str, value: float | None, text: str) -> None:
    assert figure(value, FACTS[name]) == text


def test_the_page_has_columns_of_known_figures_only_and_marks_what_differs(page_data: PageData) -> None:
    html = render(page_data)
    table = html.split('aria-label="Preprocessing per label"')[1].split("</table>")[0]
    assert "no face at all" in table
    assert "cut at start" not in table
    assert re.findall(r'<td[^>]* class="bad">(.*?)</td>', table) == ["10.0 %", "50.0 %"]
    assert "files with no face found in any frame: real 10.0 %, fake 50.0 %; AUC 0.70 of this value alone" in html


def test_the_json_has_every_mean_and_difference(page_data: PageData) -> None:
    line = LabelLine("<b>", "real", 1, {"failed": 0.0})
    html = render(replace(page_data, by_label=[line], differences=[Difference("<b>", "failed", 0.0, 1.0, 1.0)]))
    assert '"differences": [{"auc": 1.0, "dataset": "\\u003cb\\u003e"' in html
    assert '"by_label": [{"dataset": "\\u003cb\\u003e"' in html
    assert "&lt;b&gt;, files that failed: real 0 %, fake 100.0 %" in html
