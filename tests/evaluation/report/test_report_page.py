"""The page: whole, self-contained, escaped, and the same sections every time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from made_evaluation import HOSTILE, Made

from unmask.cache.weights.seen_datasets import SeenDataset
from unmask.core.errors import MissingInput
from unmask.evaluation.random_control import TOGETHER
from unmask.evaluation.report.page import render
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.report.provenance import list_commands, list_dates, list_settings
from unmask.evaluation.report.sections import FAILURES_SHOWN, STYLES
from unmask.evaluation.report.stage_counts import FailureLine
from unmask.train.config import TrainConfig

# The golden list: when a section is added on purpose, add it here.
HEADINGS = [
    "Results on the test split",
    "Controls and the linear probe",
    "Slices",
    "Swap control",
    "Mouth and audio in time",
    "ROC curves",
    "Scores and calibration",
    "Likelihood ratios",
    "Training",
    "Encoders, layers and modalities",
    "Ablation",
    "Run and machine",
    "Data",
    "Extracted faces",
    "Failures",
    "Glossary",
]
VOID = {"meta", "img", "br"}
DRAWN = {"circle", "path", "rect"}
LINKS = {"href", "src", "srcset", "action", "data", "poster", "xlink:href"}


class Page(HTMLParser):
    """Tags that do not nest are an error; links, headings and the JSON block are kept."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.scripts: list[str] = []
        self.ids: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in LINKS]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        assert not any(name.startswith("on") for name, _ in attrs), f"a handler in <{tag}>"
        if tag == "h2":
            self.headings.append("")
        if tag == "script":
            assert dict(attrs) == {"type": "application/json", "id": "unmask-data"}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in DRAWN, f"<{tag}/>"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


@pytest.fixture(scope="module")
def html(page_data: PageData) -> str:
    return render(page_data)


def test_the_page_is_whole_and_has_its_sections(html: str) -> None:
    page = Page(html)
    assert page.headings == HEADINGS
    assert len(page.ids) == len(set(page.ids))


def test_nothing_is_fetched_from_outside(html: str) -> None:
    page = Page(html)
    inside = {f"#{name}" for name in page.ids}
    assert all(link in inside or link.startswith("data:image/jpeg;base64,") for link in page.links)
    assert not re.search(r"(?:https?:)?//[a-z]|@import|url\(|<link|<iframe", html)
    assert "default-src 'none'" in html


def test_a_hostile_file_name_is_text(html: str) -> None:
    assert HOSTILE not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.mp4" in html
    assert html.count("<script") == 1
    assert "unreadable: &lt;b&gt;no&lt;/b&gt;" in html


def test_the_json_block_holds_the_same_evaluation(html: str, made: Made) -> None:
    (text,) = Page(html).scripts
    found = json.loads(text)
    assert found["evaluation"] == json.loads(json.dumps(made.evaluation.as_json()))
    assert found["failures"][0]["item"] == f"archive/{HOSTILE}"


def test_one_class_shows_not_applicable(html: str) -> None:
    line = next(
        part for part in html.split("<tr") if re.search(r">only_fakes</th><td[^>]*>0</td><td[^>]*>40</td>", part)
    )
    assert line.count("n/a") == 6
    assert "n/a: only fakes here" in html
    assert "ROC, only_fakes" not in html
    assert "ROC, archive" in html


def test_synthetic_data_are_announced_and_others_are_not(html: str, page_data: PageData) -> None:
    assert "results on synthetic data say nothing about real deepfakes" in html
    assert "say nothing" not in render(replace(page_data, synthetic=False))


def test_a_split_that_leaks_is_announced_in_red(html: str, page_data: PageData) -> None:
    leaking = replace(page_data.evaluation, split_scheme="official-v2+leaks:14")
    page = render(replace(page_data, evaluation=leaking))
    assert '<div class="banner leak" role="alert">' in page
    assert "14 identities, recordings or files" in page
    assert "This split leaks" not in html


def test_the_number_that_chose_the_epoch_has_a_curve_and_every_curve_a_marker(page_data: PageData) -> None:
    html = render(page_data)
    caption = "Chooses the epoch: calibrated validation loss, mean of 3 epochs; the lowest is kept: epoch 7"
    assert f"<figcaption>{caption}</figcaption>" in html
    assert html.split('<section id="training">')[1].count('<g class="marker">') == 4
    assert html.count(">kept 7</text>") == 4
    earlier = [{k: v for k, v in line.items() if k not in ("criterion", "deciding")} for line in page_data.training]
    assert render(replace(page_data, training=earlier)).count(">kept ") == 3, "a run of an earlier version"


def test_shortcuts_of_the_test_data_are_a_banner_a_mark_and_a_sentence(html: str, page_data: PageData) -> None:
    assert "<strong>Shortcuts in the test data.</strong>" in html
    assert html.count('title="shortcut: the label can be predicted without the content">!</span>') == 2
    assert "Shortcut in the test data, celeb_df: length: AUC 1.000" in html
    clean = render(replace(page_data, evaluation=replace(page_data.evaluation, shortcuts=(), audit="headers")))
    assert 'role="alert"' not in clean
    assert "Not audited: only the file headers" in clean


def test_a_dataset_that_an_encoder_was_trained_on_is_a_banner_and_a_sentence(html: str, page_data: PageData) -> None:
    assert "Seen in training" not in html
    seen = SeenDataset(encoder="gend", dataset="celeb_df", trained_on="celeb_df", known_by="the profile")
    told = render(replace(page_data, evaluation=replace(page_data.evaluation, seen=(seen,))))
    assert "<strong>Seen in training.</strong> An encoder was trained on celeb_df" in told
    assert '<li class="bad">Seen in training: the encoder gend was trained on celeb_df' in told


def test_the_swap_control_marks_what_a_genuine_part_hides(html: str, page_data: PageData) -> None:
    section = html.split('<section id="swaps">')[1].split("</section>")[0]
    assert section.count('<tr class="bad">') == 2
    assert section.count('<li class="bad">') == 1
    assert ">-0.141 [-0.204, -0.078]</td>" in section
    assert section.count(">too few</td>") == 3
    single = render(replace(page_data, evaluation=replace(page_data.evaluation, swaps=())))
    assert "this run does not read both image and audio" in single


def test_small_datasets_are_grey_and_have_a_second_macro(html: str, page_data: PageData) -> None:
    assert 'class="few"' not in html.replace('<tr class="few"><th scope="row">only_fakes', "")
    assert "<span>macro 5+ AUC</span>" not in html, "the same as macro"
    model = page_data.evaluation.model
    rows = tuple(replace(row, n_real=2) if row.name == "celeb_df" else row for row in model.rows)
    small = render(replace(page_data, evaluation=replace(page_data.evaluation, model=replace(model, rows=rows))))
    assert '<tr class="few"><th scope="row">celeb_df' in small
    assert "<span>macro 5+ AUC</span>" in small


def test_the_linear_probe_stands_apart_from_what_sees_no_content(page_data: PageData) -> None:
    evaluation = page_data.evaluation
    name = evaluation.controls[-1].name
    reading = (*evaluation.controls[:-1], replace(evaluation.controls[-1], reads_content=True))
    html = render(replace(page_data, evaluation=replace(evaluation, controls=reading)))
    blind, seeing = html.split("Compared with a linear probe, which reads the tokens</h3>")
    meanings = {one.control: one.meaning for one in evaluation.comparisons}
    assert meanings.pop(name) in seeing
    assert all(meaning in blind for meaning in meanings.values())
    assert html.count('class="apart"') == len(evaluation.model.rows) + 3


def test_random_encoders_have_a_list_of_their_own_and_one_mark(page_data: PageData) -> None:
    evaluation = page_data.evaluation
    about = {"reads_content": True, "is_random": True}
    first, second = (replace(evaluation.controls[0], name=name, **about) for name in (TOGETHER, "random image encoder"))
    compared = [
        replace(evaluation.comparisons[0], control=one.name, meaning=f"like {one.name}") for one in (first, second)
    ]
    shown = replace(
        evaluation,
        random="own",
        controls=(*evaluation.controls, first, second),
        comparisons=(*evaluation.comparisons, *compared),
    )
    html = render(replace(page_data, evaluation=shown))
    before, after = html.split("Compared with linear probes of random encoders, which learned nothing</h3>")
    assert all(one.meaning in before for one in evaluation.comparisons)
    assert all(f"<li>{one.meaning}</li>" in after for one in compared)
    assert f'<span class="key c{len(evaluation.controls) + 1}">' in html
    assert f'<span class="key c{len(evaluation.controls) + 2}">' not in html
    assert "random image encoder" in before


def test_every_control_has_a_color_of_its_own(page_data: PageData) -> None:
    evaluation = page_data.evaluation
    many = tuple(replace(evaluation.controls[0], name=f"control {number}") for number in range(len(STYLES)))
    html = render(replace(page_data, evaluation=replace(evaluation, controls=many, comparisons=())))
    for style in STYLES:
        assert f'<span class="key {style}">' in html
        assert f".key.{style} " in html


def test_a_center_crop_is_marked(html: str) -> None:
    assert html.count('class="fallback"') == 2  # one of them among the files without any face
    assert ">0.99</span>" in html
    assert ">center</span>" in html


def test_a_long_list_of_failures_is_cut_on_the_page_but_not_in_the_json(page_data: PageData) -> None:
    many = [FailureLine("scan", f"archive/{number}.jpg", "unreadable: no") for number in range(FAILURES_SHOWN + 5)]
    html = render(replace(page_data, failures=many))
    assert f"{FAILURES_SHOWN} of {len(many)}" in html
    assert len(json.loads(Page(html).scripts[0])["failures"]) == len(many)


def test_a_page_without_training_lines_faces_or_failures_is_whole(page_data: PageData) -> None:
    page = Page(
        render(replace(page_data, training=[], faces={}, missed=[], by_label=[], differences=[], lost=[], failures=[]))
    )
    assert page.headings == HEADINGS


def test_a_page_of_one_class_is_whole(page_data: PageData, made: Made) -> None:
    fakes = made.predictions.filter(pc.equal(made.predictions.column("label"), 1))
    rows = [
        replace(row, n_real=0, values={**row.values, "auc": None}, intervals={}) for row in made.evaluation.model.rows
    ]
    evaluation = replace(
        made.evaluation,
        given=fakes.num_rows + 2,
        scored=fakes.num_rows,
        model=replace(made.evaluation.model, rows=tuple(rows)),
    )
    html = render(replace(page_data, evaluation=evaluation, predictions=fakes))
    assert Page(html).headings == HEADINGS
    assert "all scored items are of one class" in html


def test_predictions_of_another_evaluation_are_refused(page_data: PageData) -> None:
    with pytest.raises(MissingInput, match="differ"):
        render(replace(page_data, predictions=page_data.predictions.slice(0, 3)))


def test_curves_of_ten_thousand_items_stay_small(page_data: PageData, made: Made) -> None:
    times = np.resize(np.arange(made.predictions.num_rows), 10_000)
    evaluation = replace(made.evaluation, given=10_002, scored=10_000)
    html = render(replace(page_data, evaluation=evaluation, predictions=made.predictions.take(times)))
    assert len(html) < 200_000


def test_the_contents_list_leads_to_every_section(html: str) -> None:
    contents = html.split("<nav", 1)[1].split("</nav>", 1)[0]
    assert re.findall(r'href="#(.*?)"', contents) == re.findall(r'<section id="(.*?)"', html)


def test_every_value_of_a_table_is_labelled_so_that_rows_can_be_stacked(html: str) -> None:
    tables = re.findall(r"<table class=\"[^\"]*\bfit-\d+\">.*?</table>", html, re.DOTALL)
    assert len(tables) == html.count("<table") > 5
    for table in tables:
        headings = [re.sub(r"<[^>]+>", "", one) for one in re.findall(r'<th scope="col".*?</th>', table)]
        for row in re.findall(r"<tr[^>]*>.*?</tr>", table.split("<tbody>")[1], re.DOTALL):
            labels = re.findall(r'data-label="(.*?)"', row)
            assert labels == headings[-len(labels) :]
            assert len(labels) == row.count("<td")


def test_no_column_is_behind_a_scroll_bar(html: str) -> None:
    assert "overflow-x" not in html
    assert "min-width: 620px" not in html


def test_a_heading_that_is_a_term_shows_its_meaning_and_leads_to_the_glossary(html: str) -> None:
    assert re.search(r'<a class="term" href="#term-auc" title="Area under the ROC curve[^"]*">AUC</a>', html)
    assert '<div id="term-auc"><dt>AUC</dt><dd>Area under the ROC curve' in html
    assert set(re.findall(r'class="term" href="#(.*?)"', html)) <= set(Page(html).ids)


def test_small_datasets_share_a_line_instead_of_a_curve_each(page_data: PageData, made: Made) -> None:
    rows = tuple(replace(row, n_real=4) if row.name == "archive" else row for row in made.evaluation.model.rows)
    evaluation = replace(made.evaluation, model=replace(made.evaluation.model, rows=rows))
    html = render(replace(page_data, evaluation=evaluation))
    assert "ROC, archive" not in html
    assert "ROC, celeb_df" in html
    assert re.search(r"fewer than 5 files:\s+archive \(AUC 0\.\d+, 4 real", html)


def test_dates_commands_and_settings_of_the_run_are_named(page_data: PageData, made: Made, tmp_path: Path) -> None:
    config = TrainConfig(preset="full-cdan", domain_loss="cdan", lr=1e-3, streams=("a b",), seed=3)
    commands = list_commands(config, made.evaluation)
    assert commands[0] == (
        "unmask train --preset full-cdan --seed 3 --set 'train.streams=[\"a b\"]' --set train.lr=0.001"
    )
    (tmp_path / "summary.json").touch()
    dates = list_dates(tmp_path)
    assert [name for name, _ in dates] == ["trained"]
    html = render(replace(page_data, dates=dates, commands=commands, settings=list_settings(config)))
    assert f"Trained {dates[0][1]}." in html
    assert "unmask train --preset full-cdan --seed 3" in html.split("<section")[0]
    assert "<dt>train.lr</dt><dd>0.001</dd>" in html
    assert json.loads(Page(html).scripts[0])["settings"]["train.domain_loss"] == "cdan"


def test_long_names_are_shortened_in_the_plot_and_whole_in_its_title(page_data: PageData, made: Made) -> None:
    name = "a_dataset_of_my_own_" * 3
    rows = tuple(replace(row, name=name) if row.name == "only_fakes" else row for row in made.evaluation.model.rows)
    controls = tuple(
        replace(table, rows=tuple(replace(row, name=name) if row.name == "only_fakes" else row for row in table.rows))
        for table in made.evaluation.controls
    )
    evaluation = replace(made.evaluation, model=replace(made.evaluation.model, rows=rows), controls=controls)
    html = render(replace(page_data, evaluation=evaluation))
    assert f"<title>{name}</title>" in html
    assert f'<th scope="row" class="wrap">{name}</th>' in html
