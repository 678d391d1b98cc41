"""What `unmask evaluate` prints, and the file it keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from made_evaluation import HOSTILE, Made
from rich.console import Console

from unmask.core.errors import MissingInput
from unmask.evaluation.results import read_evaluation, write_evaluation
from unmask.evaluation.terminal_table import format_evaluation, format_with_interval, render_evaluation


def line_of(text: str, name: str) -> list[str]:
    """The name and the cells after it."""
    line = next(line.strip() for line in text.splitlines() if line.strip().startswith(name))
    return [name, *line.removeprefix(name).removeprefix("!").split()]


def test_every_dataset_macro_and_pooled_have_a_line(made: Made) -> None:
    text = format_evaluation(made.evaluation)
    for row in made.evaluation.model.rows:
        cells = line_of(text, row.name)
        assert cells[1:3] == [str(row.n_real), str(row.n_fake)]
        assert cells[3] == ("n/a" if row.auc is None else f"{row.auc:.3f}")


def test_one_class_is_shown_as_not_applicable(made: Made) -> None:
    cells = line_of(format_evaluation(made.evaluation), "only_fakes")
    assert cells[1:3] == ["0", "40"]
    assert cells.count("n/a") == 6


def test_shortcuts_of_the_test_data_are_marked_and_written_out(made: Made) -> None:
    text = format_evaluation(made.evaluation)
    assert [line.split()[0] for line in text.splitlines() if line.startswith("celeb_df")] == ["celeb_df!"] * 2
    assert "archive!" not in text, "a suspicion is no flag"
    assert "Shortcut in the test data, celeb_df: length: AUC 1.000" in text


def test_datasets_with_few_items_are_grey(made: Made) -> None:
    rows = tuple(replace(row, n_real=4) if row.name == "celeb_df" else row for row in made.evaluation.model.rows)
    console = Console(file=StringIO(), width=160, force_terminal=True)
    console.print(render_evaluation(replace(made.evaluation, model=replace(made.evaluation.model, rows=rows))))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    grey = {line.split("celeb_df")[0] for line in lines if "celeb_df!" in line}
    assert grey == {"\x1b[2m"}
    assert all("\x1b[2m" not in line for line in lines if "archive" in line and "Suspected" not in line)


def test_no_column_is_cut(made: Made) -> None:
    text = format_evaluation(made.evaluation)
    assert "…" not in text


def test_controls_and_their_meaning_are_printed(made: Made) -> None:
    text = format_evaluation(made.evaluation)
    for comparison in made.evaluation.comparisons:
        assert " ".join(comparison.meaning.split()) in " ".join(text.split())


def test_the_swap_control_is_red_where_a_score_loses(made: Made) -> None:
    text = format_evaluation(made.evaluation)
    assert " ".join(line_of(text, "audio: joint score, same image")[1:]) == "30 20 0.900 0.759 -0.141 [-0.204, -0.078]"
    assert line_of(text, "audio: audio score")[1:] == ["30", "20", "0.900", "0.900", "+0.000", "[+0.000,", "+0.000]"]
    assert line_of(text, "image")[1:] == ["40", "3", *["too", "few"] * 3]
    console = Console(file=StringIO(), width=300, force_terminal=True)
    console.print(render_evaluation(made.evaluation))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    red = [line for line in lines if line.startswith("\x1b[1;31m") and "Shortcut" not in line]
    assert [line.split("score")[0].removeprefix("\x1b[1;31m") for line in red[:2]] == ["audio: joint "] * 2
    assert "A genuine image hides fake audio: AUC 0.900 alone, 0.759 beside it" in red[2]
    assert len(red) == 3


def test_a_run_of_one_modality_shows_no_swap_control(made: Made) -> None:
    assert "beside genuine" not in format_evaluation(replace(made.evaluation, swaps=()))


def test_items_without_a_score_are_counted_and_named(made: Made) -> None:
    text = format_evaluation(made.evaluation)
    assert "162 items = 160 scored + 1 out of scope + 1 without a score" in text
    assert f"archive/{HOSTILE}: unreadable: no reader understands it" in text


def test_names_are_not_read_as_markup(made: Made) -> None:
    rows = tuple(replace(row, name="[red]") if row.name == "archive" else row for row in made.evaluation.model.rows)
    controls = tuple(
        replace(table, rows=tuple(replace(row, name="[red]") if row.name == "archive" else row for row in table.rows))
        for table in made.evaluation.controls
    )
    evaluation = replace(made.evaluation, model=replace(made.evaluation.model, rows=rows), controls=controls)
    assert line_of(format_evaluation(evaluation), "[red]")[1] == "23"


def test_a_figure_without_interval_says_so() -> None:
    assert format_with_interval(0.5, None) == "0.500 [n/a]"
    assert format_with_interval(0.5, (0.25, 0.75)) == "0.500 [0.250, 0.750]"
    assert format_with_interval(None, None) == "n/a"


def test_an_evaluation_is_read_as_it_was_written(made: Made, tmp_path: Path) -> None:
    write_evaluation(tmp_path, made.evaluation)
    assert read_evaluation(tmp_path) == made.evaluation


def test_an_evaluation_of_another_version_is_refused(made: Made, tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text(json.dumps({**made.evaluation.as_json(), "version": 0}))
    with pytest.raises(MissingInput, match="another version"):
        read_evaluation(tmp_path)
    with pytest.raises(MissingInput, match="no evaluation"):
        read_evaluation(tmp_path / "nowhere")


def test_a_lost_item_is_our_bug(made: Made) -> None:
    with pytest.raises(ValueError, match="an item is missing"):
        replace(made.evaluation, given=made.evaluation.given + 1)


def test_predictions_keep_every_score(made: Made) -> None:
    table = made.predictions
    assert table.num_rows == len(made.items)
    assert table.column("score").to_pylist() == made.scores.score.tolist()
    assert table.column("audio_score").null_count == table.num_rows
    assert {"control: majority guess", "control: metadata only"} <= set(table.column_names)
    called = [score >= 0.5 for score in table.column("score").to_pylist()]
    assert [verdict == "fake" for verdict in table.column("verdict").to_pylist()] == called
