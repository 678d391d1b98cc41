"""The files of an ablation: every number, whatever the names contain."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from unmask.core.errors import UsageError
from unmask.evaluation.ablation.ablation_files import FORMS, format_latex, name_ablation, write_ablation
from unmask.evaluation.ablation.ablation_table import Ablation, AblationRow, list_figures, write_notes
from unmask.evaluation.compare.results import MetricDifference
from unmask.evaluation.tables.spread import Spread
from unmask.result_tables.ablation_table import AblationTable
from unmask.train.presets import parse_variants

FIGURES = [heading for *_, heading in list_figures()]


def row(name: str, mean: float, problem: str | None = None) -> AblationRow:
    spread = None if problem else Spread(mean=mean, deviation=0.01234567, seeds=2)
    return AblationRow(
        preset=name,
        runs=() if problem else (f"{name}-s0-1", f"{name}-s1-2"),
        items=0 if problem else 40,
        same_items="x",
        figures=dict.fromkeys(FIGURES, spread),
        datasets={} if problem else {"a|b": spread, "<i>": spread},
        validation=spread,
        train_seconds=None if problem else 12.5,
        problem=problem,
    )


@pytest.fixture
def made() -> Ablation:
    rows = (row("full", 0.9123456), row("50%_of_it", 0.8), row("video-baseline", 0, problem="no videos & <no> faces"))
    return Ablation(
        name="three-1234abcd",
        split="test",
        split_hash="5f",
        profile="tiny",
        seeds=(0, 1),
        rows=rows,
        controls=(),
        controls_of="full",
        stores=(),
        stopped=False,
    )


def test_each_form_is_a_file_in_the_folder_of_the_ablation(made: Ablation, tmp_path: Path):
    write_ablation(tmp_path / made.name, made)
    assert {path.name for path in (tmp_path / made.name).iterdir()} == {"ablation.json", *FORMS}
    about = json.loads((tmp_path / made.name / "ablation.json").read_text())
    assert about["rows"][0]["runs"] == ["full-s0-1", "full-s1-2"]


def test_csv_has_every_number_unrounded(made: Ablation):
    full, half, lacking = csv.DictReader(FORMS["table.csv"](made).splitlines())
    assert float(full[f"{FIGURES[0]} mean"]) == 0.9123456
    assert float(half["a|b AUC deviation"]) == 0.01234567
    assert (full["runs"], full["training seconds"]) == ("full-s0-1 full-s1-2", "12.5")
    assert (lacking["problem"], lacking[f"{FIGURES[0]} mean"]) == ("no videos & <no> faces", "")


def test_markdown_is_a_table_of_equal_columns(made: Ablation):
    lines = FORMS["table.md"](made).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 3
    assert {line.count("|") for line in table} == {len(FIGURES) + 5}
    assert "0.912 ± 0.012" in table[2]
    assert any(line.startswith("- Best on validation: full (0.912), before 50%_of_it (0.800).") for line in lines)
    assert "- video-baseline: not trained: no videos & <no> faces" in lines


def test_latex_is_escaped(made: Ablation):
    text = format_latex(made)
    assert r"50\%\_of\_it & 40" in text
    assert r"0.912 $\pm$ 0.012" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(body) == 1 + 3
    assert {line.count(" & ") for line in body} == {len(FIGURES) + 3}
    assert all(line.startswith("%") for line in text.splitlines() if "<no>" in line)


def test_the_page_is_escaped_and_complete(made: Ablation):
    page = FORMS["table.html"](made)
    HTMLParser().feed(page)
    assert "no videos &amp; &lt;no&gt; faces" in page
    assert page.count("<tr>") == 1 + 3
    assert "full-s1-2" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_folder_is_named_by_its_rows_and_content():
    assert name_ablation(["full", "full-cdan"], "1a2b3c4d5e6f") == "full+full-cdan-1a2b3c4d"
    assert name_ablation(list("abcdef"), "1a2b3c4d5e6f") == "6-rows-1a2b3c4d"


def test_an_empty_figure_says_so(made: Ablation):
    nothing = replace(made, rows=(replace(made.rows[0], figures=dict.fromkeys(FIGURES)),))
    assert all("n/a" in FORMS[name](nothing) for name in ("table.md", "table.tex", "table.html"))


def test_a_variant_is_a_preset_with_settings_of_its_own():
    given = ["slow:train.lr=1e-4", "early:preset=early-fusion", "slow:train.epochs=50", "lists:train.datasets=[a,b]"]
    assert parse_variants(given) == {
        "slow": ("full", ["train.lr=1e-4", "train.epochs=50"]),
        "early": ("early-fusion", []),
        "lists": ("full", ["train.datasets=[a,b]"]),
    }
    for wrong in ("train.lr=1e-4", "slow", "slow:", ":train.lr=1", "slow:train.lr"):
        with pytest.raises(UsageError, match="NAME:SETTING=VALUE"):
            parse_variants([wrong])


@pytest.fixture
def compared(made: Ablation) -> Ablation:
    """50%_of_it is compared with full; the third row was not trained."""
    one = MetricDifference(
        metric="auc",
        base=0.9,
        run=0.8,
        difference=-0.1,
        interval=(-0.2, -0.01),
        p=0.004,
        corrected=0.008,
        deviation=0.02,
    )
    found = {"macro AUC": one, "pooled AUC": replace(one, interval=(-0.2, 0.1), p=0.4, corrected=0.8)}
    full, half, lacking = made.rows
    return replace(made, base="full", rows=(full, replace(half, differences=found), lacking))


def test_differences_to_the_base_are_in_every_form(compared: Ablation):
    *_, half, lacking = csv.DictReader(FORMS["table.csv"](compared).splitlines())
    assert (half["macro AUC minus base"], half["macro AUC minus base high"]) == ("-0.1", "-0.01")
    assert (half["pooled AUC p holm"], half["macro AUC minus base deviation"]) == ("0.8", "0.02")
    assert lacking["macro AUC minus base"] == ""
    markdown = FORMS["table.md"](compared)
    assert "| macro AUC minus full [95 %] | p |" in markdown
    assert "| -0.100 [-0.200, -0.010]* | 0.008 | -0.100 [-0.200, +0.100] | 0.800 |" in markdown
    assert "- Compared with full by macro AUC on the same items, mean over 2 seeds: worse: 50%_of_it.\n" in markdown
    assert r"-0.100 [-0.200, -0.010]* & 0.008" in format_latex(compared)
    assert "-0.100 [-0.200, +0.100]" in FORMS["table.html"](compared)


def test_the_table_in_python_has_the_differences(compared: Ablation):
    full, half, lacking = AblationTable(compared).as_rows()
    assert (half["macro AUC minus full"], half["pooled AUC p"]) == (-0.1, 0.8)
    assert full.keys() == half.keys() == lacking.keys()
    assert lacking["macro AUC p"] is None


def test_validation_prefers_a_row_among_those_of_the_same_items(made: Ablation):
    full, half, lacking = made.rows
    other = replace(half, same_items="y", validation=Spread(mean=0.99, deviation=None, seeds=1))
    notes = write_notes(replace(made, rows=(full, half, other, lacking)))
    assert any(note.startswith("Best on validation: full (0.912)") for note in notes)
    assert not any("Best on validation" in note for note in write_notes(replace(made, rows=(full, other, lacking))))
