"""Names of files that are commands of a terminal, lines of their own, or formulas: every way a name is shown."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest
from jinja2 import DictLoader
from rich.console import Group
from rich.text import Text
from small_media import picture

from unmask.cli import app
from unmask.cli.console import open_console
from unmask.core.errors import MissingInput, UsageError
from unmask.core.html.pages import make_environment
from unmask.core.stage_report import StageReport
from unmask.core.terminal.wide_table import Column, WideTable
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.logs import show_log
from unmask.result_tables.verdict_table import write_csv
from unmask.tables import StageTable, VerdictTable

NAMES = (
    "\x1b]0;owned\x07\x1b[2J.png",
    "a\nerror: everything is lost.png",
    "photo\u202egnp.exe.png",
    "\x9b31mred.png",
    "=cmd|' /C calc'!A0.png",
    "<script>alert(1)</script>.png",
    "two\u2028lines.png",
)
HIDDEN = {"\x1b", "\x07", "\x9b", "\u202e", "\u2028", "\r"}


def check(text: str) -> None:
    assert not set(text) & HIDDEN, ascii(text)
    assert not any(line.startswith("error: everything") for line in text.splitlines())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("as_json", [False, True])
def test_on_the_terminal_and_as_json(name: str, as_json: bool, capfd, tmp_path):
    report = StageReport("scan", given=1, failed={name: f"unreadable: {name}"})
    table = Group(WideTable(names=Column(heading="file", cells=[name]), columns=[], title=name), Text(name))
    with open_console(as_json, False, tmp_path) as console:
        console.show_stages([report], 1.0)
        if "\n" not in name:  # a line of a result escapes its names itself
            console.show(table)
        console.say(str(Verdict(path=name, verdict="unreadable", threshold=0.5, reason=name)))
        console.say(repr(StageTable([report])))
        console.result["name"] = name
    written = capfd.readouterr()
    check(written.out)
    check(written.err)
    if as_json:
        assert json.loads(written.out)["name"] == name


@pytest.mark.parametrize("name", NAMES)
def test_in_errors_and_the_log(name: str, capfd, monkeypatch, tmp_path):
    def fail(*given: object, **options: object) -> None:
        logging.getLogger("unmask").warning("%s: %s", name, OSError(5, "cannot be read", name))
        raise MissingInput(f"{name}: no such file", f"look for {name}")

    monkeypatch.setattr("unmask.api.Work.scan", fail)
    with pytest.raises(SystemExit) as ended:
        app.main(["scan", str(tmp_path), "--work", str(tmp_path / "work")])
    assert ended.value.code == 4
    written = capfd.readouterr()
    check(written.out)
    check(written.err)
    assert len(written.err.splitlines()) == 3
    show_log(logging.INFO)


@pytest.mark.parametrize("name", NAMES)
def test_in_pages_and_tables(name: str, tmp_path):
    pages = make_environment("unmask.serve")
    pages.loader = DictLoader({"page": "<td title='{{ name }}'>{{ name }}</td>"})
    page = pages.get_template("page").render(name=name)
    assert not set(page) & HIDDEN  # a line feed is a space there
    assert "<script>" not in page
    verdict = Verdict(path=name, verdict="unreadable", threshold=0.5, reason=name)
    check(VerdictTable([verdict])._repr_html_())
    write_csv(tmp_path / "table.csv", [verdict])
    cells = (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert not any(cell.startswith(("=", '"=')) for line in cells for cell in line.split(","))


def test_scan_of_a_folder_of_such_names(capfd, tmp_path):
    data = tmp_path / "data"
    for number, name in enumerate(name.replace("/", "") for name in NAMES):
        picture(data / "mine" / ("real" if number % 2 else "fake") / name, number)
    picture(data / "mine" / "real" / "plain.png", 99)
    source = data / "mine" / "real" / "plain.png"
    Path(os.fsdecode(os.fsencode(source.parent) + b"/\xff\x1b.png")).write_bytes(source.read_bytes())
    (data / "mine" / "real" / "\x1b[31mbroken.png").write_bytes(b"no picture")
    for arguments in ([], ["--json"]):
        with pytest.raises(SystemExit):
            app.main(["scan", str(data), "--work", str(tmp_path / "work"), "--max-failures", "1", *arguments])
        written = capfd.readouterr()
        check(written.out)
        check(written.err)
    stages = json.loads(written.out)["stages"]
    assert stages[0]["given"] == len(NAMES) + 2
    assert any("\x1b[31mbroken.png" in name for name in stages[0]["failures"])


def test_an_argument_that_is_not_utf8(capfd, tmp_path):
    with pytest.raises(SystemExit) as ended:
        app.main(["scan", os.fsdecode(b"/no\xffwhere\x1b"), "--work", str(tmp_path)])
    assert ended.value.code == MissingInput.exit_code
    check(capfd.readouterr().err)
    assert UsageError.exit_code == 2
