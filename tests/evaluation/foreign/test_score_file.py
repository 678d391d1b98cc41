"""Files of other systems: both forms, and every refusal with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.core.errors import MissingInput, UsageError
from unmask.evaluation.foreign.score_file import read_scores


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> tuple[dict[str, float], str]:
    found = read_scores(path)
    return dict(zip(found.ids.to_pylist(), found.score.tolist(), strict=True)), found.higher_is


@pytest.mark.parametrize(
    "text",
    ["a\t0.5\nb c\t-1e3\n", "filename\tcm-score\r\na\t0.5\r\n\r\nb c\t-1e3", "\ufeffa\t 0.5 \nb c\t-1000.0\n"],
)
@pytest.mark.parametrize("name", ["x.tsv", "x.txt", "scores"])
def test_lines_of_an_id_and_a_score_mean_real_by_high_scores(tmp_path: Path, name: str, text: str):
    assert read(write(tmp_path, name, text)) == ({"a": 0.5, "b c": -1000.0}, "real")


def test_spaces_separate_too(tmp_path: Path):
    assert read(write(tmp_path, "x.txt", "id score\nLA_E_1   -3.25\nLA_E_2 4\n"))[0] == {"LA_E_1": -3.25, "LA_E_2": 4.0}


def test_a_table_may_have_more_columns_and_names_dataset_and_path(tmp_path: Path):
    text = 'Score,note,path,dataset\n0.25,"a ""quoted"", note","1,2.mp4",celeb_df\n0.5,,3.mp4,dff\n'
    assert read(write(tmp_path, "x.csv", text)) == ({"celeb_df/1,2.mp4": 0.25, "dff/3.mp4": 0.5}, "fake")


def test_a_media_id_stands_before_a_path(tmp_path: Path):
    text = "path,media_id,score\n1.mp4,00ff,0.25\n"
    assert read(write(tmp_path, "x.csv", text))[0] == {"00ff": 0.25}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("x.csv", "id,score\na,0.5\n\nb,high\n", "line 4: the score 'high'"),
        ("x.csv", "id,score\na,nan\n", "line 2: the score 'nan'"),
        ("x.csv", 'id,note,score\na,"two\nlines",0.5\nb,,\n', "line 4: the score ''"),
        ("x.csv", "id,score\na,0.5\nb,1\na,0.25\n", "lines 2 and 4: 'a' has two scores"),
        ("x.csv", "a,0.5\n", "line 1: the columns are a, 0.5"),
        ("x.csv", "id,score\na,0.5\nb\n", "Expected 2 columns"),
        ("x.csv", "id,score\n", "no scores"),
        ("x.csv", "", "line 1: the columns are nothing"),
        ("x.txt", "a 0.5\n\nb inf\n", "line 3: the score 'inf'"),
        ("x.txt", "a 0.5\nb high\n", "line 2: the score 'high'"),
        ("x.txt", "a 0.5\nb A07 spoof 1\n", "line 2: 4 fields"),
        ("x.txt", "id score\na 0.5\nb 1\na 2\n", "lines 2 and 4: 'a' has two scores"),
        ("x.txt", "\n", "no scores"),
    ],
)
def test_what_cannot_be_read_names_the_line(tmp_path: Path, name: str, text: str, problem: str):
    with pytest.raises(UsageError) as caught:
        read_scores(write(tmp_path, name, text))
    assert problem in caught.value.problem
    assert name in caught.value.problem
    assert caught.value.hint


def test_a_file_that_is_not_there_is_missing_input(tmp_path: Path):
    with pytest.raises(MissingInput, match="no such file"):
        read_scores(tmp_path / "x.csv")


def test_many_lines_are_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("unmask.evaluation.foreign.score_file.BLOCK", 3)
    scores, _ = read(write(tmp_path, "x.txt", "".join(f"n{number} {number / 8}\n" for number in range(10))))
    assert scores == {f"n{number}": number / 8 for number in range(10)}
