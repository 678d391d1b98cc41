"""Files, folders, patterns and URLs given to `predict`, and the exit codes of the command."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from unmask.cli import app
from unmask.evaluation.input_files import expand_files, explain_absence
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.tables import VerdictTable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = (
        "b.mp4",
        "a.wav",
        "below/c.PNG",
        "below/notes.txt",
        ".hidden/d.mp4",
        "@eaDir/e.mp4",
        "x[1].mp4",
        "empty/readme.md",
    )
    for name in (*names, "empty/readme.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def test_a_folder_stands_for_the_media_files_below_it(folder: Path):
    found = [Path(path).relative_to(folder).as_posix() for path in expand_files([str(folder)])]
    assert found == ["a.wav", "b.mp4", "below/c.PNG", "x[1].mp4"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.mp4", ["b.mp4", "x[1].mp4"]),
        ("**/*.PNG", ["below/c.PNG"]),
        ("bel*", ["below/c.PNG"]),
        ("x[1].mp4", ["x[1].mp4"]),  # a file of this very name
        ("*.flac", ["*.flac"]),
    ],
)
def test_a_quoted_pattern_stands_for_the_files_that_match(folder: Path, pattern: str, expected: list[str]):
    assert expand_files([str(folder / pattern)]) == [str(folder / name) for name in expected]


def test_what_leads_to_no_file_is_explained(folder: Path):
    assert "a URL, not a file" in (explain_absence("https://example.org/clip.mp4") or "")
    assert "no image, audio or video file in this folder" in (explain_absence(str(folder / "empty")) or "")
    assert "no file matches" in (explain_absence(str(folder / "*.flac")) or "")
    assert "no such file" in (explain_absence(str(folder / "gone.mp4")) or "")
    assert explain_absence(str(folder / "b.mp4")) is None


def test_a_url_stays_as_it_was_typed():
    assert expand_files(["https://example.org/a*.mp4?x=1"]) == ["https://example.org/a*.mp4?x=1"]


@pytest.mark.parametrize(
    ("scores", "code", "message"),
    [([0.9, 0.1], 0, ""), ([0.9, None], 3, "1 of 2 files got no score"), ([None, None], 4, "none of the 2 files")],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_the_exit_code_says_whether_files_were_scored(capsys, monkeypatch, tmp_path, scores, code, message, as_json):
    verdicts = [
        Verdict(path=f"{n}.mp4", verdict="unreadable" if score is None else "fake", threshold=0.5, score=score)
        for n, score in enumerate(scores)
    ]
    run = SimpleNamespace(predict=lambda files, **options: VerdictTable(verdicts))
    monkeypatch.setattr("unmask.cli.options.Call.choose_run", lambda self, *named: run)
    with pytest.raises(SystemExit) as stopped:
        app.main(["predict", "0.mp4", "--work", str(tmp_path), *["--json"] * as_json])
    out, err = capsys.readouterr()
    assert int(stopped.value.code or 0) == code
    assert message in err
    if as_json:
        assert len(json.loads(out)["verdicts"]) == 2
        assert ("error" in json.loads(out)) == bool(code)


def test_of_the_stages_only_progress_and_warnings_are_logged(monkeypatch, tmp_path, capsys):
    from unmask.core.progress import Progress
    from unmask.core.work_folder import WorkFolder
    from unmask.logs import show_log
    from unmask.run import Run

    log = logging.getLogger("unmask")

    def stages(files, run, *, device, options=None):
        log.info("extract: /tmp/unmask-1234/tokens")
        log.warning("a warning")
        clock[0] = 60.0
        with Progress("preprocess", 3, "files") as bar:
            clock[0] = 120.0
            bar.advance()
        return iter(())

    clock = [0.0]
    monkeypatch.setattr("unmask.core.progress.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("unmask.evaluation.verdicts.predict.iterate_verdicts", stages)
    show_log(logging.INFO)
    Run(tmp_path, WorkFolder(tmp_path)).predict("a.mp4", device="cpu")
    log.info("after it")
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [
        "a warning",
        "preprocess",
        "after it",
    ]


def test_an_empty_name_is_not_the_folder_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    assert expand_files(["", "a.png"]) == ["", "a.png"]
    assert explain_absence("") == "vanished: an empty name"
