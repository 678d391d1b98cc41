"""Tables for a paper have the numbers of the evaluation, and LaTeX takes their texts."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

from made_evaluation import Made

from unmask.evaluation.paper.evaluation_tables import make_results, write_tables
from unmask.evaluation.results import SUMMARIES
from unmask.evaluation.tables.text_tables import TextTable, format_latex, format_markdown, group_rows
from unmask.metrics import binary

LONE = re.compile(r"(?<!\\)[_#%]")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_number_of_every_scorer_is_in_the_csv_unrounded(made: Made, tmp_path: Path) -> None:
    write_tables(tmp_path, made.evaluation)
    lines = {(line["scorer"], line["dataset"]): line for line in read_csv(tmp_path / "results.csv")}
    tables = (made.evaluation.model, *made.evaluation.controls)
    assert len(lines) == sum(len(table.rows) for table in tables)
    for table in tables:
        for row in table.rows:
            line = lines[table.name, row.name]
            for metric in binary.METRICS:
                assert line[metric.name] == ("" if row[metric.name] is None else repr(row[metric.name]))
            low, high = row.interval("auc") or ("", "")
            assert (line["auc_low"], line["auc_high"]) == (str(low), str(high))


def test_the_comparisons_are_those_of_the_evaluation(made: Made, tmp_path: Path) -> None:
    write_tables(tmp_path, made.evaluation)
    means = [line for line in read_csv(tmp_path / "comparisons.csv") if line["dataset"] == "mean"]
    assert [(line["control"], line["difference"]) for line in means] == [
        (one.control, str(one.difference)) for one in made.evaluation.comparisons
    ]


def test_latex_has_a_rule_before_the_summaries_and_no_lone_special_character(made: Made, tmp_path: Path) -> None:
    write_tables(tmp_path, made.evaluation)
    for name in ("results", "controls", "comparisons"):
        lines = (tmp_path / f"{name}.tex").read_text(encoding="utf-8").splitlines()
        body = [line for line in lines if not line.startswith("%")]
        assert body[0].startswith(r"\begin{tabular}")
        assert (body[1], body[-2:]) == (r"\toprule", [r"\bottomrule", r"\end{tabular}"])
        columns = body[0].count("r", len(r"\begin{tabular}")) + 1
        rows = [line for line in body if line.endswith(r"\\")]
        assert {line.count(" & ") for line in rows} == {columns - 1}
        assert not [line for line in rows if LONE.search(line)]
    results = (tmp_path / "results.tex").read_text(encoding="utf-8").splitlines()
    assert results[results.index(r"\midrule", results.index(r"\midrule") + 1) + 1].startswith(SUMMARIES[0])


def test_a_name_in_brackets_is_no_length_after_a_rule() -> None:
    table = TextTable(headings=["name", "x"], groups=group_rows([["[a]", "1"], ["*b", "2"]]))
    assert "\n{[}a] & 1 \\\\\n{*}b & 2 \\\\\n" in format_latex(table)


def test_a_pipe_in_a_name_is_no_column_in_markdown() -> None:
    table = TextTable(headings=["name", "x"], groups=group_rows([["a|b", "1"]]), notes=("so",))
    assert format_markdown(table) == "| name | x |\n| --- | ---: |\n| a\\|b | 1 |\n\n- so\n"


def test_a_metric_without_groups_enough_has_no_interval(made: Made) -> None:
    row = replace(made.evaluation.model.rows[0], intervals={})
    alone = replace(made.evaluation, model=replace(made.evaluation.model, rows=(row,)))
    cells = make_results(alone).groups[0].rows[0]
    assert cells[3] == f"{row.auc:.3f} [n/a]"
