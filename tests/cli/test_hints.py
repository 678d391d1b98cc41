"""Hints name commands in the form that the user typed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from unmask.cli import app
from unmask.cli.hints import CALLER, TARGETS, adapt_commands

WORK = Path("work")
MAKEFILE = Path(__file__).parents[2] / "Makefile"


@pytest.fixture(autouse=True)
def typed_unmask(monkeypatch):
    monkeypatch.delenv(CALLER, raising=False)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/unmask"])


@pytest.mark.parametrize(
    ("text", "work", "expected"),
    [
        ("unmask train", "work", "unmask train"),
        ("unmask train", "/data/my work", "unmask train --work '/data/my work'"),
        ("unmask scan /path/to/datasets", "w", "unmask scan /path/to/datasets --work w"),
        ("unmask cache verify --repair", "w", "unmask cache verify --work w --repair"),
        ("unmask preprocess, then unmask extract", "w", "unmask preprocess --work w, then unmask extract --work w"),
        ("this is a bug in unmask; please report it", "w", "this is a bug in unmask; please report it"),
        ("rename /data/unmask train.mp4", "w", "rename /data/unmask train.mp4"),
    ],
)
def test_a_hint_repeats_the_work_folder(text: str, work: str, expected: str):
    assert adapt_commands(text, Path(work)) == expected


def test_hints_for_make_name_make_targets(monkeypatch):
    monkeypatch.setenv(CALLER, "make")
    assert adapt_commands("unmask train", WORK) == "make train"
    assert adapt_commands("unmask extract", Path("w")) == "make extract-features WORK=w"
    assert adapt_commands("unmask scan /path/to/datasets", WORK) == "make manifest DATA=/path/to/datasets"
    makefile = MAKEFILE.read_text(encoding="utf-8")
    assert [one for one in TARGETS.values() if f"\n{one.split()[0]}: setup" not in makefile] == []
    assert f": export {CALLER} = make\n" in makefile


def test_python_m_unmask_is_repeated(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/src/unmask/__main__.py"])
    assert adapt_commands("unmask train", Path("w")) == "python -m unmask train --work w"


@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_of_a_command_names_its_work_folder(capsys, tmp_path: Path, as_json: bool):
    with pytest.raises(SystemExit) as stopped:
        app.main(["train", "--work", str(tmp_path), *["--json"] * as_json])
    out, err = capsys.readouterr()
    assert stopped.value.code == 4
    assert f"unmask scan /path/to/datasets --work {tmp_path}" in err
    assert not as_json or f"--work {tmp_path}" in out


def test_a_sentence_of_a_table_names_the_work_folder_too(capsys):
    from rich.console import Group
    from rich.text import Text

    from unmask.cli.console import Console

    Console(work=Path("w")).show(Group(Text("- run `unmask audit`, then evaluate again")))
    assert capsys.readouterr().out == "- run `unmask audit --work w`, then evaluate again\n"


def test_too_many_failures_name_the_argument_of_the_caller():
    from unmask.cli.console import Console
    from unmask.core.errors import ItemsFailed
    from unmask.core.stage_report import StageReport
    from unmask.tables import StageTable

    report = StageReport("extract", given=1, failed={"a": "unreadable: b"})
    with pytest.raises(ItemsFailed) as from_python:
        StageTable([report]).check(0.0)
    with pytest.raises(ItemsFailed) as from_shell:
        Console(quiet=True).show_stages([report], 0.0)
    assert "max_failures=0.5" in from_python.value.hint
    assert "--max-failures 0.5" in from_shell.value.hint
