"""`unmask predict`: lines as they are ready, what was skipped, the tables it writes, and the options it passes on."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from unmask.cli import app
from unmask.evaluation.verdicts.findings import ContentCredentials, Custody
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.tables import VerdictTable

CREDENTIALS = ContentCredentials(state="valid", claims=("signed by Example News",))


def make_verdict(path: str) -> Verdict:
    custody = Custody(
        sha256="ab" * 32,
        bytes=3,
        program="unmask 1",
        run="full-s0",
        run_sha256="cd" * 32,
        encoders=(("lfcc", "ef"),),
        judged_at="2026-01-01T00:00:00+00:00",
        settings=(("device", "cpu"),),
        content_credentials=CREDENTIALS,
    )
    return Verdict(path=path, verdict="fake", threshold=0.5, score=0.75, custody=custody)


def test_lines_tables_and_limits(capsys, monkeypatch, tmp_path):
    given = {}

    def predict(files, *, show, **options):
        given.update(options)
        verdicts = [make_verdict("=HYPERLINK(1).png"), make_verdict("b.png")]
        for verdict in verdicts:
            show(verdict)
        return VerdictTable(verdicts, skipped=12)

    monkeypatch.setattr("unmask.cli.options.Call.choose_run", lambda self, *named: SimpleNamespace(predict=predict))
    table = tmp_path / "verdicts.csv"
    arguments = ["--csv", str(table), "--out", str(tmp_path / "lines"), "--workers", "3", "--timeout", "7"]
    with pytest.raises(SystemExit) as ended:
        app.main(["predict", "folder", "--work", str(tmp_path), "--memory", "2", *arguments])
    assert not ended.value.code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("=HYPERLINK(1).png: fake by its score")
    assert lines[1] == "    content credentials (valid, claims of the signer): signed by Example News"
    assert lines[-1] == "skipped 12 files that are not media"
    limits = given["limits"]
    assert (limits.workers, limits.timeout_s, limits.memory_gib) == (3, 7.0, 2.0)
    with table.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first["path"] == "'=HYPERLINK(1).png"
    assert (second["path"], second["sha256"], second["content_credentials"]) == ("b.png", "ab" * 32, "valid")


def test_the_command_keeps_pandas_out_and_others_can_still_import_it():
    program = """
import json, sys
from unmask.cli.predict import keep_pandas_out
keep_pandas_out()
import pyarrow as pa
pa.array(["a"])
without = "pandas" not in sys.modules
import importlib.util
print(json.dumps([without, importlib.util.find_spec("pandas") is not None]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[0]
